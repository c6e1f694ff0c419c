package node

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

func TestInventoryTellsWhoUsesAGPU(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustClaim(identity("a"), b.gpu(1))
	h, err := b.tree.Hold("test", b.tree.GPUs(), 4<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Release() })
	if _, err := b.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := b.Inventory()
	if n.GPUs[0].Busy == nil || n.GPUs[1].Busy != nil {
		t.Errorf("in use by %+v and %+v; want a stranger, and nobody but the claim", n.GPUs[0].Busy, n.GPUs[1].Busy)
	}
	if d, err := b.Rescan(t.Context()); err != nil || d.GPUs[1].Busy == nil {
		t.Errorf("the inventory has changed what was seen: %+v, %v", d.GPUs[1].Busy, err)
	}
}

// What is wrong with a GPU is told before what the node has decided about it.
func TestInventoryShowsQuarantine(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	if err := b.ledger.SetState(aim.NodeState{Quarantine: map[string]string{b.gpu(0): "it hung", b.gpu(1): "it hung"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.tree.PlantError(b.tree.GPUs()[1], "umc", 1, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := b.Inventory()
	if g := n.GPUs[0]; g.Health != aim.HealthQuarantined || g.HealthReason != "it hung" {
		t.Errorf("a quarantined GPU is %s (%s)", g.Health, g.HealthReason)
	}
	if g := n.GPUs[1]; g.Health != aim.HealthUnhealthy {
		t.Errorf("a broken GPU is %s (%s)", g.Health, g.HealthReason)
	}
}

func TestInventoryDescribesTheNode(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2, func(b *box) { b.opts.Labels = map[string]string{"rack": "r1", "zone": "a"} })
	for i, name := range []string{"a", "b"} {
		req := activities.ClaimRequest{Identity: identity(name), GPUs: []string{b.gpu(i)}, Resources: aim.Resources{CPUs: 3, HostBytes: 1 << 30}}
		if _, err := call[activities.ClaimResult](b, activities.Claim, req); err != nil {
			t.Fatal(err)
		}
	}
	set := activities.SetNodeRequest{Cordon: ptr("upgrade"), Labels: map[string]string{"zone": "b"}}
	if _, err := call[activities.SetNodeResult](b, activities.SetNode, set); err != nil {
		t.Fatal(err)
	}
	n := b.Inventory()
	if n.ClaimCPUs != 6 || n.ClaimBytes != 2<<30 || len(n.Claims) != 2 {
		t.Errorf("%d CPUs and %d bytes are claimed by %+v", n.ClaimCPUs, n.ClaimBytes, n.Claims)
	}
	if !maps.Equal(n.Labels, map[string]string{"node": "n1", "rack": "r1", "zone": "b"}) || n.Cordon != "upgrade" {
		t.Errorf("labels %v, cordon %q", n.Labels, n.Cordon)
	}
	if n.ID != "n1" || n.CPUs != 8 || n.BootID != "boot-1" || !n.Simulated || !slices.Equal(n.Runtimes, []string{"process"}) {
		t.Errorf("it says of itself %+v", n)
	}
	if !maps.Equal(b.opts.Labels, map[string]string{"rack": "r1", "zone": "a"}) {
		t.Errorf("the settings have become %v", b.opts.Labels)
	}
}

func TestSetNodeChangesWhatItNames(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	set := func(req activities.SetNodeRequest) aim.NodeState {
		t.Helper()
		b.drain()
		res, err := call[activities.SetNodeResult](b, activities.SetNode, req)
		if err != nil {
			t.Fatal(err)
		}
		if !b.drain() {
			t.Error("nobody is told of the change")
		}
		return res.State
	}
	if err := b.ledger.SetState(aim.NodeState{Quarantine: map[string]string{b.gpu(0): "x", b.gpu(1): "y"}}); err != nil {
		t.Fatal(err)
	}
	set(activities.SetNodeRequest{Cordon: ptr("upgrade"), Labels: map[string]string{"rack": "r1", "zone": "a"}})
	s := set(activities.SetNodeRequest{Labels: map[string]string{"zone": ""}, Unquarantine: []string{b.gpu(0), "GPU-unknown"}})
	if s.Cordon != "upgrade" || !maps.Equal(s.Labels, map[string]string{"rack": "r1"}) || !maps.Equal(s.Quarantine, map[string]string{b.gpu(1): "y"}) {
		t.Errorf("state %+v", s)
	}
	if s = set(activities.SetNodeRequest{Cordon: ptr("")}); s.Cordon != "" {
		t.Errorf("still cordoned: %s", s.Cordon)
	}
	b.restart("boot-1")
	if on := b.ledger.State(); !maps.Equal(on.Labels, s.Labels) || !maps.Equal(on.Quarantine, s.Quarantine) {
		t.Errorf("after a restart %+v, want %+v", on, s)
	}
}

// A quarantine ends by rule: the GPU is healthy and has been seen unused for a
// while. A use in between starts the while again.
func TestScanEndsAQuarantine(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	if err := b.ledger.SetState(aim.NodeState{Quarantine: map[string]string{b.gpu(0): "x", b.gpu(1): "y"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.tree.PlantError(b.tree.GPUs()[1], "umc", 1, 0); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	scan := func(after time.Duration) map[string]string {
		t.Helper()
		now = now.Add(after)
		if err := b.Scan(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		return b.ledger.State().Quarantine
	}
	scan(0)
	h := b.hold()
	scan(cleanFor) // in use
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	scan(time.Second)
	if q := scan(cleanFor - time.Second); len(q) != 2 {
		t.Errorf("quarantined %v, too early", q)
	}
	if q := scan(time.Second); !maps.Equal(q, map[string]string{b.gpu(1): "y"}) {
		t.Errorf("quarantined %v, want the broken GPU alone", q)
	}
}
