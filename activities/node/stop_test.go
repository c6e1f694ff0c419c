package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
	"github.com/aim-engine/aim/internal/simulator"
)

func TestStopEndsTheServerAndSeesItsMemoryFree(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	for range 2 { // again is no error
		res, err := b.stop(identity("a"))
		if err != nil || len(res.Quarantined) != 0 {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	if b.runs() != "" {
		t.Errorf("running: %s", b.runs())
	}
	d, err := b.Rescan(t.Context())
	if err != nil || d.GPUs[0].Busy != nil {
		t.Errorf("the GPU is in use: %+v, %v", d.GPUs[0].Busy, err)
	}
	n := b.Inventory()
	if len(n.Endpoints) != 0 || len(n.Claims) != 1 || !n.Claims[0].Stopping {
		t.Errorf("endpoints %+v, claims %+v; want none, and one that is stopping", n.Endpoints, n.Claims)
	}
}

func TestStopOfNothing(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	if _, err := b.stop(identity("a")); err != nil {
		t.Error(err)
	}
	b.mustClaim(identity("b"), b.gpu(0))
	if _, err := b.stop(identity("b")); err != nil {
		t.Error(err)
	}
}

// A server that does not want to end is killed after the grace of the request.
func TestStopIsFirm(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "stop=1h")
	_, err := call[activities.StopResult](b, activities.Stop, activities.StopRequest{Identity: identity("a"), Grace: aim.Duration(50 * time.Millisecond)})
	if err != nil || b.runs() != "" {
		t.Errorf("running %q, error %v", b.runs(), err)
	}
}

// Whatever is at work on the attempt ends with it, and nothing it still does
// shows the server again.
func TestStopEndsWhatIsAtWork(t *testing.T) {
	for _, c := range []struct {
		what, simulate string
		begin          func(b *box) *running
	}{
		{"AwaitReady", "hang", func(b *box) *running {
			r := begin(b, activities.AwaitReady, activities.ReadyRequest{Identity: identity("a"), Rung: rung(1, "")})
			b.logs(identity("a"), "Loading safetensors")
			return r
		}},
		{"Watch", "", func(b *box) *running {
			if _, err := b.awaitReady(identity("a"), rung(1, "")); err != nil {
				b.t.Fatal(err)
			}
			return watch(b, identity("a"))
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1)
			b.mustStart(identity("a"), c.simulate)
			r := c.begin(b)
			if _, err := b.stop(identity("a")); err != nil {
				t.Fatal(err)
			}
			activitytest.Failure(t, r.wait(t), aim.ClassCancelled, "stopped on node n1")
			if e := b.Inventory().Endpoints; len(e) != 0 {
				t.Errorf("the inventory shows %+v", e)
			}
		})
	}
}

// A server that is stopped in the moment of its proof is not shown any more.
func TestStopDuringTheProof(t *testing.T) {
	t.Parallel()
	m := &moody{}
	b := newBox(t, 1, withMood(m))
	stopped := make(chan error, 1)
	m.during = func() {
		_, err := b.stop(identity("a"))
		stopped <- err
	}
	b.mustStart(identity("a"), "")
	_, _ = b.awaitReady(identity("a"), rung(1, "")) // nobody waits for its answer
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if e := b.Inventory().Endpoints; len(e) != 0 {
		t.Errorf("the inventory shows %+v", e)
	}
}

// A step that comes too late, such as one that Temporal has tried again, finds
// the attempt stopped.
func TestAfterStopNothingIsDone(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	_, err := b.start(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassRefused)
	activitytest.Failure(t, watch(b, identity("a")).wait(t), aim.ClassExited)
	if b.runs() != "" || len(b.Inventory().Endpoints) != 0 {
		t.Errorf("running %q, endpoints %+v", b.runs(), b.Inventory().Endpoints)
	}
}

// Stop may come at any moment of a start; no server is left behind.
func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	for i := range 6 {
		id := identity(fmt.Sprint("d", i))
		b.mustClaim(id, b.gpu(0))
		r := begin(b, activities.Start, activities.StartRequest{Identity: id, Rung: rung(1, "")})
		if i%2 == 1 { // half way: the server's folder is there
			b.eventually("it is being started", func() bool {
				_, err := os.Stat(filepath.Join(b.dir, "servers", id.Server(), "launch.json"))
				return err == nil
			})
		}
		if _, err := b.stop(id); err != nil {
			t.Fatal(err)
		}
		if err := r.wait(t); err != nil && !strings.Contains(err.Error(), "stopped") && !strings.Contains(err.Error(), "has no claim") {
			t.Errorf("the start ended with %v", err)
		}
		b.eventually("its shim is gone", func() bool { return len(processesOf(t, id.Server())) == 0 })
		if b.runs() != "" {
			t.Fatalf("running: %s", b.runs())
		}
		if err := b.release(id); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.Rescan(t.Context())
	if err != nil || d.GPUs[0].Busy != nil {
		t.Errorf("the GPU is in use: %+v, %v", d.GPUs[0].Busy, err)
	}
}

// processesOf lists the processes whose command line holds the word.
func processesOf(t *testing.T, word string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), word) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// hold takes memory of the first GPU, in this very process.
func (b *box) hold() *simulator.Hold {
	b.t.Helper()
	h, err := b.tree.Hold("test", b.tree.GPUs()[:1], 4<<30)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = h.Release() })
	return h
}

func TestAGPUThatStaysInUseIsQuarantined(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2, func(b *box) { b.opts.FreeWithin = 50 * time.Millisecond })
	b.mustClaim(identity("a"), b.gpu(0), b.gpu(1))
	b.hold()
	res, err := b.stop(identity("a"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("after its server was stopped it is still used by process %d", os.Getpid())
	if len(res.Quarantined) != 1 || !strings.HasPrefix(res.Quarantined[b.gpu(0)], want) {
		t.Errorf("quarantined %v, want %s: %s", res.Quarantined, b.gpu(0), want)
	}
	if err := b.release(identity("a")); err != nil {
		t.Fatal(err)
	}
	gpus := b.Inventory().GPUs
	if gpus[0].Health != aim.HealthQuarantined || !strings.HasPrefix(gpus[0].HealthReason, want) || gpus[1].Health != aim.HealthOK {
		t.Errorf("the inventory shows %s (%s) and %s", gpus[0].Health, gpus[0].HealthReason, gpus[1].Health)
	}
	_, err = b.claim(identity("b"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassRefused, "quarantined: "+want)
	b.mustClaim(identity("c"), b.gpu(1))
}

// Memory that is given back a little late is no reason for anything.
func TestStopWaitsForTheMemory(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustClaim(identity("a"), b.gpu(0))
	h := b.hold()
	r := begin(b, activities.Stop, activities.StopRequest{Identity: identity("a")})
	b.eventually("it waits", func() bool { return b.Inventory().Claims[0].Stopping })

	// What Temporal tries again meanwhile ends at once.
	b.Node.ports.Runtimes = []Runtime{pulling{Runtime: b.ports.Runtimes[0], finish: make(chan struct{})}}
	_, err := call[activities.StepResult](b, activities.PullImage, activities.PullRequest{Identity: identity("a"), Image: "x"})
	activitytest.Failure(t, err, aim.ClassCancelled, "stopped on node n1")

	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	if err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	if q := b.ledger.State().Quarantine; len(q) != 0 {
		t.Errorf("quarantined %v", q)
	}
}
