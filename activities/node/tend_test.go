package node

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
	"github.com/aim-engine/aim/internal/filelock"
)

// claims names the deployments that hold GPUs.
func (b *box) claims() string {
	var names []string
	for _, c := range b.ledger.Claims() {
		names = append(names, c.Deployment)
	}
	return strings.Join(names, " ")
}

func TestReconcileGivesARunningServerItsClaimBack(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustServe(identity("a"), "")
	before := b.ledger.Claims()[0]
	if err := b.ledger.Release(identity("a")); err != nil { // as if the ledger had been lost
		t.Fatal(err)
	}
	b.restart("boot-1")
	after := b.ledger.Claims()
	if len(after) != 1 || !after[0].Same(before.Identity) || after[0].GPUs[0] != b.gpu(0) || after[0].Port != before.Port || after[0].Namespace != "ns" {
		t.Fatalf("claims %+v, want %+v", after, before)
	}
	b.eventually("the server is advertised again", func() bool { return b.endpoint().Healthy })
}

// A running server is not stopped where nobody else wants its GPUs: it was only
// the claim that could not be written.
func TestReconcileStopsNothingForAFullDisk(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	if err := b.ledger.Release(identity("a")); err != nil {
		t.Fatal(err)
	}
	b.Node.ports.Ledger = brokenLedger{b.ledger, errDisk}
	if err := b.Reconcile(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("reconcile: %v, want %v", err, errDisk)
	}
	if b.runs() != "a" {
		t.Errorf("running: %q", b.runs())
	}
}

func TestReconcileStopsAServerOnGPUsOfAnother(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	if err := b.ledger.Release(identity("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ledger.Claim(aim.Claim{Identity: identity("b"), GPUs: []string{b.gpu(0)}, Port: b.opts.Ports.Last}); err != nil {
		t.Fatal(err)
	}
	b.restart("boot-1")
	if b.runs() != "" || b.claims() != "b" {
		t.Errorf("running %q, claimed by %q; want none, b", b.runs(), b.claims())
	}
}

// A runtime may be shared with the agent of other GPUs.
func TestReconcileLeavesServersOnOtherGPUsAlone(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustServe(identity("a"), "")
	if err := b.ledger.Release(identity("a")); err != nil {
		t.Fatal(err)
	}
	if err := b.tree.RemoveGPU(b.tree.GPUs()[0]); err != nil {
		t.Fatal(err)
	}
	b.restart("boot-1")
	if b.runs() != "a" || b.claims() != "" {
		t.Errorf("running %q, claimed by %q; want a, nobody", b.runs(), b.claims())
	}
}

func TestReconcileShowsNoServerThatIsBeingStopped(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustServe(identity("a"), "")
	b.mustClaim(identity("b"), b.gpu(1))
	if _, err := b.start(identity("b"), rung(1, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.awaitReady(identity("b"), rung(1, "")); err != nil {
		t.Fatal(err)
	}
	if err := b.ledger.Stopping(identity("a")); err != nil {
		t.Fatal(err)
	}
	b.restart("boot-1")
	b.eventually("the other one is advertised", func() bool { return len(b.Inventory().Endpoints) > 0 })
	if e := b.endpoint(); e.Deployment != "b" {
		t.Errorf("endpoints %+v, want b's alone", b.Inventory().Endpoints)
	}
}

// reboot ends everything that runs on the node, as the machine's restart does,
// and starts the next agent.
func (b *box) reboot() {
	b.t.Helper()
	b.endLife()
	files, err := filepath.Glob(filepath.Join(b.dir, "servers", "*", "server.json"))
	if err != nil || len(files) == 0 {
		b.t.Fatalf("%d servers, %v", len(files), err)
	}
	for _, file := range files {
		var record map[string]any
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &record)
		}
		if err != nil {
			b.t.Fatal(err)
		}
		for _, who := range []string{"session", "pid"} { // the shim first: it would write down the end
			_ = syscall.Kill(int(record[who].(float64)), syscall.SIGKILL)
		}
		record["boot_id"] = "an earlier one"
		text, err = json.Marshal(record)
		if err == nil {
			err = filelock.Replace(file, text, 0o600) // others read it
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	b.eventually("all has ended", func() bool { return b.runs() == "" })
	b.restart("boot-2")
}

// After a reboot the replica's own steps find its server gone, and give the
// GPUs back.
func TestRebootEndsTheWatch(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	b.reboot()
	activitytest.Failure(t, watch(b, identity("a")).wait(t), aim.ClassExited, "the machine was restarted")
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	if err := b.release(identity("a")); err != nil {
		t.Fatal(err)
	}
	b.mustClaim(identity("b"), b.gpu(0))
}

// Claims of before a reboot hold their GPUs for as long as somebody owns them,
// and not a silence longer.
func TestRebootAsksAboutClaimsAtOnce(t *testing.T) {
	for _, c := range []struct {
		what   string
		answer func(aim.Identity) (aim.Ownership, error)
		claims string
		marked string
	}{
		{"owned", owned, "a", ""},
		{"ended", func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{Why: "deployment a has ended"}, nil }, "", ""},
		{"nobody to ask", func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{}, errors.New("no Temporal") }, "a", "no Temporal"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1) // which is silent for an hour
			b.mustServe(identity("a"), "")
			b.reboot()
			b.owners.say(c.answer)
			b.Tend(t.Context())
			if b.claims() != c.claims {
				t.Errorf("claimed by %q, want %q", b.claims(), c.claims)
			}
			for _, claim := range b.Inventory().Claims {
				if claim.Unowned != c.marked {
					t.Errorf("shown as unowned: %q, want %q", claim.Unowned, c.marked)
				}
			}
			b.Tend(t.Context())
			if b.owners.questions() != "[a]" {
				t.Errorf("asked about %s, want once", b.owners.questions())
			}
		})
	}
}

// The ownership rule for a claim on which nobody is at work.
func TestTendAppliesTheOwnershipRule(t *testing.T) {
	for _, c := range []struct {
		what      string
		answer    func(aim.Identity) (aim.Ownership, error)
		namespace string
		runs      string
		marked    string
		asked     string
	}{
		{"owned", owned, "ns", "a", "", "[a]"},
		{"closed", func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{Why: "deployment a has ended"}, nil }, "ns", "", "", "[a]"},
		{"Temporal is away", func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{}, errors.New("no Temporal") }, "ns", "a", "no Temporal", "[a]"},
		{"of another namespace", owned, "another", "a", "it belongs to another Temporal namespace (ns)", "[]"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1)
			b.mustServe(identity("a"), "")
			b.owners.say(c.answer)
			b.Node.opts.Silence, b.Node.opts.Namespace = time.Nanosecond, c.namespace
			b.Tend(t.Context())
			if b.runs() != c.runs || b.claims() != c.runs {
				t.Errorf("running %q, claimed by %q; want %q", b.runs(), b.claims(), c.runs)
			}
			if b.owners.questions() != c.asked {
				t.Errorf("asked about %s, want %s", b.owners.questions(), c.asked)
			}
			for _, claim := range b.Inventory().Claims {
				if claim.Unowned != c.marked {
					t.Errorf("shown as unowned: %q, want %q", claim.Unowned, c.marked)
				}
			}
			if c.runs != "" && !b.endpoint().Healthy {
				t.Errorf("endpoint %+v of a server that serves", b.endpoint())
			}
		})
	}
}

func TestTendWaitsForTheSilence(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustClaim(identity("a"), b.gpu(0))
	b.Tend(t.Context())
	if b.owners.questions() != "[]" {
		t.Errorf("asked about %s", b.owners.questions())
	}
}

// While an activity of the attempt is at work its owner is known.
func TestTendNeverAsksAboutActiveAttempts(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustStart(identity("a"), "hang")
	r := begin(b, activities.AwaitReady, activities.ReadyRequest{Identity: identity("a"), Rung: rung(1, "")})
	b.eventually("it is at work", func() bool { return b.attempt(identity("a")).silentFor(time.Now()) == 0 })
	b.Node.opts.Silence = time.Nanosecond
	b.Tend(t.Context())
	if b.owners.questions() != "[]" || b.runs() != "a" {
		t.Errorf("asked about %s, running %q", b.owners.questions(), b.runs())
	}
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	activitytest.Failure(t, r.wait(t), aim.ClassCancelled)
}

// The owner who comes back is known again, and everybody hears of it.
func TestAnActivityEndsUnowned(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustClaim(identity("a"), b.gpu(0))
	b.owners.say(func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{}, errors.New("no Temporal") })
	b.Node.opts.Silence = time.Nanosecond
	b.Tend(t.Context())
	if got := b.Inventory().Claims[0].Unowned; got != "no Temporal" {
		t.Fatalf("shown as unowned: %q", got)
	}
	b.drain()
	if _, err := call[activities.StepResult](b, activities.PullImage, activities.PullRequest{Identity: identity("a"), Image: "x"}); err != nil {
		t.Fatal(err)
	}
	if got := b.Inventory().Claims[0].Unowned; got != "" || !b.drain() {
		t.Errorf("shown as unowned: %q, and nobody was told otherwise", got)
	}
}

// drain takes what is waiting in Changed and tells whether there was something.
func (b *box) drain() bool {
	select {
	case <-b.Changed():
		return true
	default:
		return false
	}
}
