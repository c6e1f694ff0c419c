package node

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

const gibibyte = 1 << 30

// sharing lets replicas share GPUs.
func sharing(b *box) { b.opts.Shares = true }

func (b *box) share(id aim.Identity, bytes uint64) (aim.Claim, error) {
	res, err := call[activities.ClaimResult](b, activities.Claim, activities.ClaimRequest{Identity: id, GPUs: []string{b.gpu(0)}, ShareBytes: bytes})
	return res.Claim, err
}

// mustServeIn brings a server in a share of the first GPU to where it answers.
func (b *box) mustServeIn(id aim.Identity, bytes uint64) {
	b.t.Helper()
	if _, err := b.share(id, bytes); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.start(id, rung(1, "")); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.awaitReady(id, rung(1, "")); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) used() uint64 {
	b.t.Helper()
	used, err := b.tree.Used(b.tree.GPUs()[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return used
}

func TestSharesAreOffByDefault(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	_, err := b.share(identity("a"), 40*gibibyte)
	activitytest.Failure(t, err, aim.ClassRefused, "node n1 gives out whole GPUs only", "--shares")
	if b.Inventory().Shares {
		t.Error("the inventory offers shares")
	}
}

// Two servers on one GPU each keep within their share, survive the agent, and
// leave one after the other; a third is refused while there is no room.
func TestTwoServersShareAGPU(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, sharing)
	b.mustServeIn(identity("a"), 60*gibibyte)
	if used := b.used(); used < 40*gibibyte || used > 60*gibibyte {
		t.Errorf("%.1f GiB are in use by a server with a share of 60", gib(used))
	}
	b.mustServeIn(identity("b"), 100*gibibyte)
	if used := b.used(); used < 120*gibibyte || used > 160*gibibyte {
		t.Errorf("%.1f GiB are in use by servers with shares of 60 and 100", gib(used))
	}
	_, err := b.share(identity("c"), 40*gibibyte)
	activitytest.Failure(t, err, aim.ClassRefused, "left for shares, not 40GiB", "a/0 has 60GiB, b/0 has 100GiB")
	_, err = b.claim(identity("d"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassRefused, "claimed by a/0")

	b.restart("boot-1")
	if n := b.Inventory(); len(n.Claims) != 2 || n.GPUs[0].Busy != nil {
		t.Errorf("after a restart of the agent: claims %+v, busy %+v", n.Claims, n.GPUs[0].Busy)
	}
	if res, err := b.stop(identity("a")); err != nil || len(res.Quarantined) > 0 {
		t.Fatalf("stop beside another: %+v, %v", res, err)
	}
	if err := b.release(identity("a")); err != nil {
		t.Fatal(err)
	}
	b.mustServeIn(identity("c"), 60*gibibyte)
	if got := b.runs(); got != "b c" && got != "c b" {
		t.Errorf("running: %s", got)
	}
}

// A server that is found without a claim, as after a lost ledger, gets its share
// back and not the whole GPU: its neighbour has one too.
func TestLostSharesAreClaimedAgain(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, sharing)
	b.mustServeIn(identity("a"), 60*gibibyte)
	b.mustServeIn(identity("b"), 100*gibibyte)
	for _, name := range []string{"a", "b"} {
		if err := b.ledger.Release(identity(name)); err != nil {
			t.Fatal(err)
		}
	}
	b.restart("boot-1")
	shares := map[string]uint64{}
	for _, c := range b.ledger.Claims() {
		shares[c.Deployment] = c.ShareBytes / gibibyte
	}
	if shares["a"] != 60 || shares["b"] != 100 || !strings.Contains(b.runs(), "a") || !strings.Contains(b.runs(), "b") {
		t.Errorf("shares %v, running %s", shares, b.runs())
	}
}

// What is in use on a shared GPU must be explained by the shares.
func TestAStrangerOnASharedGPUIsSeen(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, sharing)
	b.mustServeIn(identity("a"), 40*gibibyte)
	hold, err := b.tree.Hold("stranger", b.tree.GPUs()[:1], 20*gibibyte)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.share(identity("b"), 20*gibibyte)
	activitytest.Failure(t, err, aim.ClassRefused, "somebody without a share", "its shares are 40.0")
	if busy := b.Inventory().GPUs[0].Busy; busy == nil || busy.Bytes == 0 {
		t.Errorf("the inventory shows %+v", busy)
	}
	if err := hold.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.share(identity("b"), 20*gibibyte); err != nil {
		t.Errorf("when it has gone: %v", err)
	}
}

// Two servers that start on one GPU at a time would each take the other's memory
// for their own.
func TestStartsOnASharedGPUTakeTurns(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, sharing)
	for _, name := range []string{"a", "b"} {
		if _, err := b.share(identity(name), 40*gibibyte); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.start(identity("a"), rung(1, "hang")); err != nil {
		t.Fatal(err)
	}
	second := begin(b, activities.Start, activities.StartRequest{Identity: identity("b"), Rung: rung(1, "")})
	b.logs(identity("a"), "Loading safetensors")
	if got := b.runs(); got != "a" {
		t.Fatalf("running: %s; a is not ready yet", got)
	}
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	if err := second.wait(t); err != nil || b.runs() != "b" {
		t.Errorf("when a is gone: running %s, error %v", b.runs(), err)
	}
}

// unsharing is a backend that cannot be held to a share.
type unsharing struct{ Backend }

func (unsharing) Name() string { return "tgi" }

func TestOnlySomeBackendsCanBeHeldToAShare(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, sharing, func(b *box) { b.ports.Backends["vllm"] = unsharing{b.ports.Backends["vllm"]} })
	if _, err := b.share(identity("a"), 40*gibibyte); err != nil {
		t.Fatal(err)
	}
	_, err := b.start(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassInput, "a tgi server cannot be held to a share of a GPU's memory")
}

func TestUnexplainedUse(t *testing.T) {
	whole := func(used uint64) aim.GPU {
		return aim.GPU{ID: "g", Partitions: 1, VRAMUsedBytes: &used, Busy: &aim.Busy{Who: "process 1", Bytes: used}}
	}
	claim := func(share uint64) aim.Claim { return aim.Claim{GPUs: []string{"g"}, ShareBytes: share} }
	partition := whole(100 * gibibyte) // of all partitions together
	partition.Partitions, partition.Busy.Bytes = 8, 10*gibibyte
	for name, c := range map[string]struct {
		gpu    aim.GPU
		claims []aim.Claim
		busy   bool
	}{
		"nobody's":                         {whole(50 * gibibyte), nil, true},
		"of the one who has it whole":      {whole(50 * gibibyte), []aim.Claim{claim(0)}, false},
		"within the shares":                {whole(50 * gibibyte), []aim.Claim{claim(30 * gibibyte), claim(20 * gibibyte)}, false},
		"beyond the shares":                {whole(52 * gibibyte), []aim.Claim{claim(30 * gibibyte), claim(20 * gibibyte)}, true},
		"another GPU's claim":              {whole(50 * gibibyte), []aim.Claim{{GPUs: []string{"h"}}}, true},
		"other partitions do not count":    {partition, []aim.Claim{claim(10 * gibibyte)}, false},
		"a partition beyond its one share": {partition, []aim.Claim{claim(8 * gibibyte)}, true},
	} {
		if got := unexplained(c.gpu, c.claims); (got != nil) != c.busy {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
