package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// fleetNode is a node that is alive, with whole MI300X; claims hold the first ones.
func fleetNode(id string, gpus int, claims ...aim.Claim) aim.FleetNode {
	n := aim.FleetNode{Liveness: aim.Alive}
	n.ID, n.Runtimes, n.Claims = id, []string{"process"}, claims
	for i := range gpus {
		n.GPUs = append(n.GPUs, aim.GPU{
			ID: gpuOf(id, i), UUID: gpuOf(id, i), PCI: fmt.Sprintf("0000:%02x:00.0", i), Type: "MI300X", Partitions: 1,
			RenderMinor: new(128 + i), VRAMBytes: new(uint64(192 << 30)), Health: aim.HealthOK,
		})
	}
	return n
}

func gpuOf(node string, i int) string { return fmt.Sprintf("%s-g%d", node, i) }

// holds is the claim of a stranger to the test on the i-th GPU.
func holds(node string, i int) aim.Claim {
	return aim.Claim{Identity: identity(fmt.Sprint("holder-", node, "-", i)), GPUs: []string{gpuOf(node, i)}}
}

// wants asks for GPUs; who asked first has the smaller number.
func wants(name string, gpus, askedAt int) aim.PlacementRequest {
	return aim.PlacementRequest{Deployment: name, UID: "u", Token: "token-of-" + name, GPUs: gpus, Nodes: 1, AskedAt: int64(askedAt)}
}

// settledPlacer knows these nodes and that there are no others.
func settledPlacer(nodes ...aim.FleetNode) *Placer {
	settled := make(chan struct{})
	close(settled)
	p := NewPlacer(settled)
	p.Update(nodes, nil)
	return p
}

// waiter is an Await at work.
type waiter struct {
	cancel   context.CancelFunc
	told     string // last reason why it waits
	done     bool
	decision aim.Decision
	err      error
}

// await queues a request. Within synctest it may be looked at after Wait.
func await(p *Placer, req aim.PlacementRequest) *waiter {
	ctx, cancel := context.WithCancel(context.Background())
	w := &waiter{cancel: cancel}
	go func() {
		defer cancel()
		w.decision, w.err = p.Await(ctx, activities.PlaceRequest{PlacementRequest: req}, func(why string) { w.told = why })
		w.done = true
	}()
	synctest.Wait()
	return w
}

func TestPlaceAnswersAtOnce(t *testing.T) {
	p := settledPlacer(fleetNode("n1", 2, holds("n1", 0)))
	for _, c := range []struct {
		gpus int
		want aim.Outcome
	}{{1, aim.Place}, {2, aim.Wait}, {3, aim.Impossible}} {
		if d := p.Place(wants(fmt.Sprint("d", c.gpus), c.gpus, 1)); d.Outcome != c.want {
			t.Errorf("%d GPUs: %s (%s), want %s", c.gpus, d.Outcome, d, c.want)
		}
	}
}

// Nodes that have not had the time to report may have what is missing.
func TestNothingIsImpossibleBeforeTheFleetHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settled := make(chan struct{})
		p := NewPlacer(settled)
		p.Update([]aim.FleetNode{fleetNode("n1", 1)}, nil)
		if d := p.Place(wants("a", 2, 1)); d.Outcome != aim.Wait {
			t.Errorf("place answers %s", d.Outcome)
		}
		w := await(p, wants("a", 2, 1))
		time.Sleep(10 * retell)
		synctest.Wait()
		if w.done {
			t.Fatalf("it was told %s", w.decision)
		}
		close(settled)
		time.Sleep(2 * retell)
		synctest.Wait()
		if !w.done || w.decision.Outcome != aim.Impossible || w.err != nil {
			t.Errorf("after the fleet has settled: %v, %s, %v", w.done, w.decision.Outcome, w.err)
		}
	})
}

func TestTurnsGoByPriorityAndThenByTheFirstAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := []aim.Claim{holds("n1", 0), holds("n1", 1), holds("n1", 2)}
		p := settledPlacer(fleetNode("n1", 3, taken...))
		urgent := wants("urgent", 1, 9)
		urgent.Priority = 5
		waiters := map[string]*waiter{
			"late":   await(p, wants("late", 1, 2)),
			"early":  await(p, wants("early", 1, 1)),
			"urgent": await(p, urgent),
		}
		time.Sleep(retell)
		synctest.Wait()
		if told := waiters["late"].told; !strings.HasPrefix(told, "3 of 3 in the queue: ") || !strings.Contains(told, "1 node with no free GPU") {
			t.Errorf("the last one is told %q", told)
		}
		for i, next := range []string{"urgent", "early", "late"} {
			p.Update([]aim.FleetNode{fleetNode("n1", 3, taken[i+1:]...)}, nil)
			synctest.Wait()
			for name, w := range waiters {
				if w.done != (name == next) {
					t.Errorf("turn %d: %s has one: %v", i+1, name, w.done)
				}
			}
			delete(waiters, next)
		}
	})
}

// A change wakes who waits; it does not take the next tick.
func TestAnUpdateWakesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer()
		w := await(p, wants("a", 1, 1))
		before := time.Now()
		p.Update([]aim.FleetNode{fleetNode("n1", 1)}, nil)
		synctest.Wait()
		if !w.done || w.decision.Outcome != aim.Place || time.Since(before) != 0 {
			t.Errorf("%v: %s after %s", w.done, w.decision, time.Since(before))
		}
	})
}

func TestCancelLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer(fleetNode("n1", 1, holds("n1", 0)))
		first, second := await(p, wants("first", 1, 1)), await(p, wants("second", 1, 2))
		first.cancel()
		synctest.Wait()
		if !first.done || !errors.Is(first.err, context.Canceled) {
			t.Errorf("cancelled: %v, %v", first.done, first.err)
		}
		p.Update([]aim.FleetNode{fleetNode("n1", 1)}, nil)
		synctest.Wait()
		if !second.done || second.decision.Outcome != aim.Place {
			t.Errorf("the next one: %v, %s", second.done, second.decision)
		}
	})
}

// While the best rung waits, its reason names the rung that would not have to; it
// is looked for again as the fleet changes, and nothing is held for it.
func TestWaitingNamesTheRungThatFitsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer(fleetNode("n1", 4, holds("n1", 0)), fleetNode("n2", 1, holds("n2", 0)))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var told string
		go p.Await(ctx, activities.PlaceRequest{PlacementRequest: wants("a", 4, 1), Others: []aim.Alternative{
			{Rung: 2, How: "--x", Command: "aim deploy m -- --x", Request: wants("a", 4, 1)},
			{Rung: 3, How: "recipe small", Command: "aim deploy m --recipe small", Request: wants("a", 2, 1)},
		}}, func(why string) { told = why })
		synctest.Wait()
		if want := "Or aim deploy m --recipe small (rung 3, recipe small, fits now on n1)"; !strings.HasSuffix(told, want) {
			t.Errorf("it waits because %q, want at the end %q", told, want)
		}
		for _, n := range p.Fleet().Nodes {
			if len(n.Claims) != 1 {
				t.Errorf("something is held for a rung that was only named: %v", n.Claims)
			}
		}
		p.Update([]aim.FleetNode{fleetNode("n1", 4, holds("n1", 0), holds("n1", 1), holds("n1", 2))}, nil)
		time.Sleep(lookEvery)
		synctest.Wait()
		if strings.Contains(told, "rung 3") {
			t.Errorf("the GPUs are taken, and still it says %q", told)
		}
	})
}

// A turn that comes in the very moment of a cancel goes to the next one at once.
func TestCancelGivesTheTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer(fleetNode("n1", 1))
		first := wants("first", 1, 1)
		answer := p.join(first) // the turn lies in the channel
		second := await(p, wants("second", 1, 2))
		if second.done {
			t.Fatal("both have the GPU")
		}
		p.abandon(&first, answer)
		synctest.Wait()
		if !second.done || second.decision.Outcome != aim.Place {
			t.Errorf("the next one: %v, %s", second.done, second.decision)
		}
	})
}

// However the two fall together, the GPU is never left to nobody.
func TestCancelAndTurnAtTheSameTime(t *testing.T) {
	p := settledPlacer(fleetNode("n1", 1))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 50 {
		req := wants(fmt.Sprint("d", i), 1, i)
		if d, err := p.Await(cancelled, activities.PlaceRequest{PlacementRequest: req}, func(string) {}); err == nil {
			p.core.Refused(&req, d.Placement.Ranks[0].Node) // it had the turn: give it back
			continue
		}
		next := wants("next", 1, i)
		d := p.Place(next)
		if d.Outcome != aim.Place {
			t.Fatalf("after %d rounds: %s", i, d)
		}
		p.core.Refused(&next, d.Placement.Ranks[0].Node)
	}
}

// The same for one who was about to hear that it can never fit.
func TestLeavingTakesTheTurnAlong(t *testing.T) {
	p := settledPlacer(fleetNode("n1", 1))
	a := wants("a", 1, 1)
	answer := p.join(a)
	if d := p.leave(&a, answer, aim.Decision{Outcome: aim.Impossible}); d.Outcome != aim.Place {
		t.Errorf("it leaves with %s, its turn is lost", d.Outcome)
	}
}

// An activity that Temporal starts again while the old run is still there takes
// the place in the queue over; the end of the old run does not harm it.
func TestAskingAgainTakesThePlaceOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer(fleetNode("n1", 1, holds("n1", 0)))
		old := await(p, wants("a", 1, 1))
		again := await(p, wants("a", 1, 1))
		old.cancel()
		synctest.Wait()
		p.Update([]aim.FleetNode{fleetNode("n1", 1)}, nil)
		synctest.Wait()
		if !old.done || old.err == nil || !again.done || again.decision.Outcome != aim.Place {
			t.Errorf("old: %v; again: %v, %s", old.err, again.done, again.decision)
		}
	})
}

func TestARefusalIsLearnt(t *testing.T) {
	p := settledPlacer(fleetNode("n1", 1), fleetNode("n2", 1))
	req := wants("a", 1, 1)
	first := p.Place(req)
	if first.Outcome != aim.Place {
		t.Fatal(first)
	}
	refuser := first.Placement.Ranks[0].Node
	req.Avoid = map[string]string{refuser: "GPU is busy"}
	if d := p.Place(req); d.Outcome != aim.Place || d.Placement.Ranks[0].Node == refuser {
		t.Errorf("after %s has refused: %s", refuser, d)
	}
	if d := p.Place(wants("b", 1, 2)); d.Outcome != aim.Place || d.Placement.Ranks[0].Node != refuser {
		t.Errorf("another request: %s, want what %s still has", d, refuser)
	}
}

// A claim may fail for other reasons than a refusal: the node was lost, or its
// answer. The next attempt of the replica shows that the first is over.
func TestANewAttemptEndsWhatWasAssumedForTheOneBefore(t *testing.T) {
	p := settledPlacer(fleetNode("n1", 1))
	first := wants("a", 1, 1)
	if d := p.Place(first); d.Outcome != aim.Place {
		t.Fatal(d)
	}
	second := first
	second.Token = "token-of-the-second-attempt"
	if d := p.Place(second); d.Outcome != aim.Place {
		t.Errorf("the second attempt stands behind the first: %s", d)
	}
	if d := p.Place(wants("b", 1, 2)); d.Outcome != aim.Wait {
		t.Errorf("what the second attempt was given was given away: %s", d)
	}
}

// A proposal that nobody takes up does not hold its GPUs for ever.
func TestTickEndsWhatWasOnlyAssumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer(fleetNode("n1", 1))
		if d := p.Place(wants("gone", 1, 1)); d.Outcome != aim.Place {
			t.Fatal(d)
		}
		w := await(p, wants("a", 1, 2))
		p.Tick()
		synctest.Wait()
		if w.done {
			t.Fatal("the GPU was given twice")
		}
		time.Sleep(time.Minute)
		p.Tick()
		synctest.Wait()
		if !w.done || w.decision.Outcome != aim.Place {
			t.Errorf("after a minute: %v, %s", w.done, w.decision)
		}
	})
}

func TestFleetShowsWhatIsAssumed(t *testing.T) {
	p := settledPlacer(fleetNode("n1", 1), fleetNode("n2", 1))
	p.Update(nil, []string{"n2"})
	p.Place(wants("a", 1, 1))
	f := p.Fleet()
	if len(f.Nodes) != 1 || len(f.Nodes[0].Claims) != 1 || f.Nodes[0].Claims[0].Deployment != "a" {
		t.Errorf("fleet %+v, want n1 with a's claim", f)
	}
}

// TestACureKnowsWhoComesFirst: what is told to one behind others is enough with them
// there, and nothing is told that was true before they came.
func TestACureKnowsWhoComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := settledPlacer(fleetNode("n1", 1, holds("n1", 0)))
		first, second := await(p, wants("w1", 1, 1)), await(p, wants("w2", 1, 2))
		defer first.cancel()
		defer second.cancel()
		want := "aim stop holder-n1-0 && aim stop w1 (holder-n1-0/0 holds 1 GPU of n1; w1 comes first in the queue)"
		if !strings.HasPrefix(second.told, "2 of 2") || !strings.HasSuffix(second.told, "To make it fit: "+want) {
			t.Errorf("told %q, want at its end %q", second.told, want)
		}
		if d := p.Place(wants("w3", 1, 3)); d.Outcome != aim.Wait || len(d.Cures) != 0 {
			t.Errorf("before it has its place in the queue it is told %v", d.Cures)
		}
		plan := planFor(p, 1, aim.DeploymentSpec{Model: "m/w3"}, nil)
		if plan.Queue == nil || plan.Queue.Position != 3 || len(plan.Placements[0].Cures) != 1 || !strings.Contains(plan.Placements[0].Cures[0], "aim stop w2") {
			t.Errorf("a plan tells %v, %v", plan.Queue, plan.Placements[0].Cures)
		}
	})
}
