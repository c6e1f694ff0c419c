package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

func TestClaimTakesAllGPUsAndAPort(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	c := b.mustClaim(identity("a"), b.gpu(1), b.gpu(0))
	if !slices.Equal(c.GPUs, []string{b.gpu(1), b.gpu(0)}) || c.Namespace != "ns" {
		t.Errorf("claim %+v, want both GPUs in the order asked for, in namespace ns", c)
	}
	if c.Port < b.opts.Ports.First || c.Port > b.opts.Ports.Last {
		t.Errorf("port %d is not in %d-%d", c.Port, b.opts.Ports.First, b.opts.Ports.Last)
	}
	if on := b.ledger.Claims(); len(on) != 1 || on[0].Token != c.Token {
		t.Errorf("the ledger holds %+v", on)
	}
}

func TestClaimTakesAllOrNothing(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustClaim(identity("a"), b.gpu(1))
	_, err := b.claim(identity("b"), b.gpu(0), b.gpu(1))
	activitytest.Failure(t, err, aim.ClassRefused, b.gpu(1), "claimed by a/0", "node n1")
	b.mustClaim(identity("c"), b.gpu(0))
}

func TestClaimAskedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	first := b.mustClaim(identity("a"), b.gpu(0))
	if again := b.mustClaim(identity("a"), b.gpu(0)); again.Port != first.Port || !again.Since.Equal(first.Since) {
		t.Errorf("asked again: %+v, first %+v", again, first)
	}
	_, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Cordon: ptr("upgrade")})
	if err != nil {
		t.Fatal(err)
	}
	b.mustClaim(identity("a"), b.gpu(0)) // a cordon is for newcomers
	if n := len(b.ledger.Claims()); n != 1 {
		t.Errorf("%d claims", n)
	}
}

// TestACordonLeavesWhoIsThere: the next attempt of a replica may take over its GPUs on
// a node that is cordoned, and no others.
func TestACordonLeavesWhoIsThere(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	first := identity("a")
	b.mustClaim(first, b.gpu(0))
	if _, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Cordon: ptr("upgrade")}); err != nil {
		t.Fatal(err)
	}
	next := first
	next.Attempt, next.Token = 2, "another token"
	for _, gpus := range [][]string{{b.gpu(1)}, {b.gpu(0), b.gpu(1)}} {
		if _, err := call[activities.ClaimResult](b, activities.Claim, activities.ClaimRequest{Identity: next, GPUs: gpus, Replaces: first.Token}); err == nil {
			t.Errorf("it was given %v", gpus)
		}
	}
	if _, err := call[activities.ClaimResult](b, activities.Claim, activities.ClaimRequest{Identity: next, GPUs: []string{b.gpu(0)}, Replaces: first.Token}); err != nil {
		t.Error(err)
	}
}

func TestClaimIsRefusedWithTheReason(t *testing.T) {
	for _, c := range []struct {
		what  string
		plant func(t *testing.T, b *box)
		want  string
	}{
		{"cordoned", func(t *testing.T, b *box) {
			if _, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Cordon: ptr("upgrade")}); err != nil {
				t.Fatal(err)
			}
		}, "node n1 is cordoned: upgrade"},
		{"unhealthy", func(t *testing.T, b *box) {
			if err := b.tree.PlantError(b.tree.GPUs()[0], "umc", 3, 0); err != nil {
				t.Fatal(err)
			}
		}, "unhealthy: ras/umc_err_count has ue 3"},
		{"quarantined", func(t *testing.T, b *box) {
			if err := b.ledger.SetState(aim.NodeState{Quarantine: map[string]string{b.gpu(0): "it hung"}}); err != nil {
				t.Fatal(err)
			}
		}, "quarantined: it hung"},
		{"claimed", func(_ *testing.T, b *box) { b.mustClaim(identity("other"), b.gpu(0)) }, "claimed by other/0"},
		{"gone", func(t *testing.T, b *box) {
			if err := b.tree.RemoveGPU(b.tree.GPUs()[0]); err != nil {
				t.Fatal(err)
			}
		}, "there is no such GPU now"},
		{"given to a container", func(_ *testing.T, b *box) {
			b.Node.ports.Strangers = strangers("container trainer (pytorch:2)", b.tree.GPUs()[0].Render)
		}, "given to container trainer (pytorch:2)"},
		{"no free port", func(_ *testing.T, b *box) { b.Node.opts.Ports.Last = b.Node.opts.Ports.First - 1 }, "no free port in"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1)
			c.plant(t, b)
			before := len(b.ledger.Claims())
			_, err := b.claim(identity("a"), b.gpu(0))
			activitytest.Failure(t, err, aim.ClassRefused, c.want)
			if after := len(b.ledger.Claims()); after != before {
				t.Errorf("%d claims, before %d", after, before)
			}
		})
	}
}

func TestClaimNamesTheProcessThatHoldsAGPU(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	holder := exec.Command(os.Args[0], "stranger", b.tree.Root(), "training")
	holder.Stderr = os.Stderr
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = holder.Process.Signal(syscall.SIGTERM)
		_ = holder.Wait()
	}()
	b.eventually("the stranger is seen", func() bool {
		d, err := b.Rescan(t.Context())
		return err == nil && d.GPUs[0].Busy != nil
	})
	_, err := b.claim(identity("a"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassRefused, "in use by process "+strconv.Itoa(holder.Process.Pid)+" (training)")
}

func TestClaimsGetPortsThatAreFree(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", b.opts.Ports.First))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := b.mustClaim(identity("a"), b.gpu(0)).Port; got != b.opts.Ports.First+1 {
		t.Errorf("port %d, want %d: somebody listens on the one before", got, b.opts.Ports.First+1)
	}
	if got := b.mustClaim(identity("b"), b.gpu(1)).Port; got != b.opts.Ports.First+2 {
		t.Errorf("port %d, want %d: the one before is another claim's, though nobody listens yet", got, b.opts.Ports.First+2)
	}
}

// rival claims the port that somebody is about to claim, once.
type rival struct {
	Ledger
	gpu  string
	once *sync.Once
}

func (r rival) Claim(c aim.Claim) (aim.Claim, error) {
	r.once.Do(func() {
		_, _ = r.Ledger.Claim(aim.Claim{Identity: identity("rival"), GPUs: []string{r.gpu}, Port: c.Port})
	})
	return r.Ledger.Claim(c)
}

func TestClaimTakesTheNextPortWhenAnotherIsFaster(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.Node.ports.Ledger = rival{b.ledger, b.gpu(1), &sync.Once{}}
	if got := b.mustClaim(identity("a"), b.gpu(0)).Port; got != b.opts.Ports.First+1 {
		t.Errorf("port %d, want %d", got, b.opts.Ports.First+1)
	}
}

// Wishes for the same GPUs meet in the ledger: one has them, nobody shares, and
// no two claims get one port.
func TestConcurrentClaims(t *testing.T) {
	t.Parallel()
	b := newBox(t, 4)
	const wishes = 12 // three for each GPU
	var wg sync.WaitGroup
	results := make([]error, wishes)
	for i := range wishes {
		wg.Go(func() { _, results[i] = b.claim(identity(fmt.Sprint("d", i)), b.gpu(i%4)) })
	}
	wg.Wait()
	for gpu := range 4 {
		won := 0
		for i := gpu; i < wishes; i += 4 {
			if results[i] == nil {
				won++
				continue
			}
			activitytest.Failure(t, results[i], aim.ClassRefused)
		}
		if won != 1 {
			t.Errorf("GPU %d was given to %d", gpu, won)
		}
	}
	ports := map[int]string{}
	for _, c := range b.ledger.Claims() {
		if other, taken := ports[c.Port]; taken {
			t.Errorf("%s and %s have port %d", other, c.ReplicaName(), c.Port)
		}
		ports[c.Port] = c.ReplicaName()
	}
	if len(ports) != 4 {
		t.Errorf("ports %v, want 4", ports)
	}
}

// A server of ours that no claim explains is in nobody's interest: it is ended,
// and its GPU given out.
func TestClaimEndsALeftoverServerFirst(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	old := identity("old")
	b.mustServe(old, "")
	if err := b.ledger.Release(old); err != nil { // as if the ledger had been lost
		t.Fatal(err)
	}
	b.mustClaim(identity("new"), b.gpu(0))
	for _, s := range b.list() {
		if s.Running {
			t.Errorf("server %s still runs", s.Name)
		}
	}
}

// A leftover that hangs does not outlast the few seconds that a claim may take.
func TestClaimKillsALeftoverThatHangs(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.Grace = time.Hour })
	b.mustServe(identity("old"), "stop=1h")
	if err := b.ledger.Release(identity("old")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	err := b.reapLeftovers(ctx, []string{b.gpu(0)})
	if err != nil || b.runs() != "" {
		t.Errorf("running %q, error %v", b.runs(), err)
	}
}

// A full disk is told as one: the next node may have room.
func TestClaimOnAFullDisk(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.Node.ports.Ledger = brokenLedger{b.ledger, fmt.Errorf("write ledger: %w", syscall.ENOSPC)}
	_, err := b.claim(identity("a"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassDisk, "node n1 cannot write its ledger")
}

func TestReleaseFreesTheGPUs(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustClaim(identity("a"), b.gpu(0))
	for range 2 { // again is no error
		if err := b.release(identity("a")); err != nil {
			t.Fatal(err)
		}
	}
	b.mustClaim(identity("b"), b.gpu(0))
	if err := b.release(identity("a")); err != nil {
		t.Fatal(err)
	}
	if on := b.ledger.Claims(); len(on) != 1 || on[0].Deployment != "b" {
		t.Errorf("the ledger holds %+v, want b's claim", on)
	}
}

// What the ledger cannot write is an accident, not an answer.
func TestClaimIsRetriedWhenTheLedgerFails(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.Node.ports.Ledger = brokenLedger{b.ledger, errDisk}
	_, err := b.claim(identity("a"), b.gpu(0))
	activitytest.Retried(t, err, errDisk.Error())
	activitytest.Retried(t, b.release(identity("a")), errDisk.Error(), "release the claim of a/0")
}

// brokenLedger is a ledger that cannot be written.
type brokenLedger struct {
	Ledger
	err error
}

var errDisk = errors.New("the disk does not answer")

func (l brokenLedger) Claim(aim.Claim) (aim.Claim, error) { return aim.Claim{}, l.err }

func (l brokenLedger) Release(aim.Identity) error { return l.err }

func ptr[T any](v T) *T { return &v }

// runs lists the names of the running servers.
func (b *box) runs() string {
	var names []string
	for _, s := range b.list() {
		if s.Running {
			names = append(names, s.Deployment)
		}
	}
	return strings.Join(names, " ")
}
