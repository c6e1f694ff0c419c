package scheduler

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"pgregory.net/rapid"
)

func TestDecisionsOnRandomFleets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet, req := fleettest.RandomFleet(t), fleettest.RandomRequest(t)
		d := Place(req, fleet)
		checkAccounted(t, d, fleet)
		checkSame(t, d, req, fleet)
		if d.Outcome == aim.Place {
			checkPlacement(t, *d.Placement, req, fleet)
			return
		}
		if d.Placement != nil || len(d.Cures) == 0 {
			t.Fatalf("%s with placement %v and cures %v", d.Outcome, d.Placement, d.Cures)
		}
		checkOutcome(t, d, req, fleet)
	})
}

// checkAccounted: chosen nodes and reasons together name every node once.
func checkAccounted(t *rapid.T, d aim.Decision, fleet aim.Fleet) {
	n := 0
	seen := map[string]bool{}
	note := func(id string) {
		if seen[id] {
			t.Fatalf("node %s is accounted for twice in %+v", id, d)
		}
		seen[id] = true
	}
	if d.Placement != nil {
		n = len(d.Placement.Ranks)
		for _, r := range d.Placement.Ranks {
			note(r.Node)
		}
	}
	for _, r := range d.Reasons {
		n += r.Count
		for _, id := range r.Nodes {
			note(id)
		}
	}
	if n != len(fleet.Nodes) || d.Nodes != n {
		t.Fatalf("%d of %d nodes are accounted for in %+v", n, len(fleet.Nodes), d)
	}
}

// checkSame: neither asking twice nor the order of the nodes changes the answer.
func checkSame(t *rapid.T, d aim.Decision, req aim.PlacementRequest, fleet aim.Fleet) {
	turned := aim.Fleet{Nodes: slices.Clone(fleet.Nodes)}
	slices.Reverse(turned.Nodes)
	if again := Place(req, turned); !reflect.DeepEqual(again, d) {
		t.Fatalf("first %+v, then %+v", d, again)
	}
}

// checkPlacement says what a placement must be, in other words than rules.go.
func checkPlacement(t *rapid.T, p aim.Placement, req aim.PlacementRequest, fleet aim.Fleet) {
	if len(p.Ranks) != max(req.Nodes, 1) {
		t.Fatalf("%d ranks, want %d", len(p.Ranks), req.Nodes)
	}
	var like *aim.GPU
	for _, r := range p.Ranks {
		n, _ := fleet.Find(r.Node)
		wanted := req.GPUs
		if req.ShareBytes > 0 {
			wanted = 1
			if !n.Shares || r.ShareBytes != req.ShareBytes {
				t.Fatalf("rank %+v for a share of %d, on a node that shares: %v", r, req.ShareBytes, n.Shares)
			}
		}
		if len(r.GPUs) != wanted || len(slices.Compact(slices.Sorted(slices.Values(r.GPUs)))) != len(r.GPUs) {
			t.Fatalf("rank %+v for %d GPUs", r, wanted)
		}
		for _, id := range r.GPUs {
			i := slices.IndexFunc(n.GPUs, func(g aim.GPU) bool { return g.ID == id })
			g := n.GPUs[i]
			checkRoom(t, n, g, req.ShareBytes)
			types := slices.Clone(req.GPUTypes)
			if req.GPUType != "" {
				types = append(types, req.GPUType)
			}
			if (len(types) > 0 && !slices.Contains(types, g.Type)) || *g.VRAMBytes < req.VRAMBytes {
				t.Fatalf("%s is %s with %d bytes", id, g.Type, *g.VRAMBytes)
			}
			if like == nil {
				like = &g
			}
			if g.Type != like.Type || g.Partitions != like.Partitions {
				t.Fatalf("sizes mixed: %s and %s", id, like.ID)
			}
		}
		avoided := req.Avoid[n.ID] != ""
		if n.Cordon != "" || avoided || (req.Selector != nil && n.Labels["zone"] != req.Selector["zone"]) ||
			(req.CPUs > 0 && n.CPUs > 0 && n.CPUs < n.ClaimCPUs+req.CPUs) || (n.HostBytes > 0 && n.HostBytes < n.ClaimBytes+req.HostBytes) {
			t.Fatalf("node %+v does not admit %+v", n, req)
		}
	}
}

// checkRoom: a GPU that is given whole is free; what is given of one that is
// shared is left of its budget.
func checkRoom(t *rapid.T, n aim.FleetNode, g aim.GPU, share uint64) {
	state, why := n.StateOf(g)
	if share == 0 {
		if state != aim.GPUFree {
			t.Fatalf("%s on %s is %s: %s", g.ID, n.ID, state, why)
		}
		return
	}
	for _, c := range n.Claims {
		if !c.Holds(g.ID) {
			continue
		}
		if c.ShareBytes == 0 {
			t.Fatalf("%s on %s is shared, but %s holds it whole", g.ID, n.ID, c.ReplicaName())
		}
		share += c.ShareBytes
	}
	if usable, why := g.Usable(); !usable || share > g.ShareBudget() {
		t.Fatalf("%s on %s: %d shared of %d, %s", g.ID, n.ID, share, g.ShareBudget(), why)
	}
}

// checkOutcome: a request that may wait fits when the fleet is emptied and
// mended; an impossible one does not even then.
func checkOutcome(t *rapid.T, d aim.Decision, req aim.PlacementRequest, fleet aim.Fleet) {
	var ideal aim.Fleet
	for _, n := range fleet.Nodes {
		n.Liveness, n.Cordon, n.Claims, n.ClaimCPUs, n.ClaimBytes = aim.Alive, "", nil, 0, 0
		n.Runtimes, n.DiskFree, n.HostFree = []string{"docker", "process"}, 1<<60, n.HostBytes
		n.Labels = maps.Clone(n.Labels)
		maps.Copy(n.Labels, req.Selector)
		n.GPUs = slices.Clone(n.GPUs)
		for i := range n.GPUs {
			g := &n.GPUs[i]
			g.Health, g.Busy = aim.HealthOK, nil
			if size := uint64(1); g.VRAMBytes == nil { // readable, but with nothing known to be there
				g.VRAMBytes = &size
			}
		}
		ideal.Nodes = append(ideal.Nodes, n)
	}
	fits := Place(req, ideal).Outcome == aim.Place
	if waits := d.Outcome == aim.Wait; waits != (fits || len(fleet.Nodes) == 0) {
		t.Fatalf("%s, but on the emptied fleet it fits: %v (%+v)", d.Outcome, fits, d.Reasons)
	}
}
