package scheduler_test

import (
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler"
)

// TestAForkGoesItsOwnWay: it answers like the scheduler that it stands for, and
// nothing that happens to it happens to that one.
func TestAForkGoesItsOwnWay(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := scheduler.New(scheduler.Options{})
	vram := uint64(192 << 30)
	for _, id := range []string{"n1", "n2"} {
		n := aim.FleetNode{Liveness: aim.Alive, Node: aim.Node{ID: id, Runtimes: []string{"docker"}}}
		for g := range 8 {
			gpu, minor := id+string(rune('0'+g)), 128+g
			n.GPUs = append(n.GPUs, aim.GPU{ID: gpu, Type: "MI300X", Partitions: 1, VRAMBytes: &vram, RenderMinor: &minor, Health: aim.HealthOK})
		}
		s.Apply(n)
	}
	ask := func(name string, gpus int, at int64) aim.PlacementRequest {
		return aim.PlacementRequest{Deployment: name, UID: "u", Token: name, GPUs: gpus, Nodes: 1, AskedAt: at}
	}
	for i, name := range []string{"a", "b"} { // one GPU is taken on each node
		r := ask(name, 5, int64(i))
		if d := s.Place(r, now); d.Outcome != aim.Place {
			t.Fatal(d)
		}
	}
	s.Wait(ask("large", 8, 3))
	s.Turn(now)
	before := s.Snapshot()
	f := s.Fork()
	if w, ok := f.Waiting("large"); !ok || w.Position != 1 {
		t.Errorf("in the fork it waits: %v %+v", ok, w)
	}
	later := ask("later", 3, 4)
	if d, forked := s.Consider(&later), f.Place(later, now); forked.Outcome != d.Outcome || forked.Outcome == aim.Place && forked.Placement.Ranks[0].Node != d.Placement.Ranks[0].Node {
		t.Errorf("the fork says %s %s, the scheduler %s %s", forked.Outcome, forked, d.Outcome, d)
	}
	if w := f.Queue(ask("last", 8, 5), now); w.Position != 2 || w.Of != 2 {
		t.Errorf("queued at %+v", w)
	}
	if _, ok := s.Waiting("last"); ok {
		t.Error("it waits in the scheduler as well")
	}
	after := s.Snapshot()
	for i := range before.Nodes {
		if len(after.Nodes[i].Claims) != len(before.Nodes[i].Claims) {
			t.Errorf("claims of %s have changed", after.Nodes[i].ID)
		}
	}
}
