package scheduler

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"pgregory.net/rapid"
)

// drawFleet makes a fleet of every sort of node: mixed types and partition
// modes, GPUs claimed, broken or in a stranger's hands, nodes cordoned or lost.
func drawFleet(t *rapid.T) aim.Fleet {
	var f aim.Fleet
	for i := range rapid.IntRange(0, 6).Draw(t, "nodes") {
		f.Nodes = append(f.Nodes, drawAnyNode(t, fmt.Sprintf("n%d", i)))
	}
	return f
}

func drawAnyNode(t *rapid.T, id string) aim.FleetNode {
	n := aim.FleetNode{Liveness: rapid.SampledFrom([]aim.Liveness{"", aim.Alive, aim.Alive, aim.Alive, aim.Silent, aim.Lost}).Draw(t, "liveness")}
	n.ID = id
	n.Cordon = rapid.SampledFrom([]string{"", "", "", "upgrade"}).Draw(t, "cordon")
	n.Runtimes = rapid.SampledFrom([][]string{{"docker"}, {"docker", "process"}, {"process"}, nil}).Draw(t, "runtimes")
	n.Labels = map[string]string{"zone": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")}
	n.CPUs = rapid.SampledFrom([]int{0, 32, 128}).Draw(t, "cpus")
	n.HostBytes = rapid.SampledFrom([]uint64{0, 100 << 30, 1000 << 30}).Draw(t, "host")
	n.HostFree = n.HostBytes / uint64(rapid.IntRange(1, 4).Draw(t, "host free"))
	n.DiskFree = rapid.SampledFrom([]uint64{0, 500 << 30}).Draw(t, "disk")
	n.Shares = rapid.Bool().Draw(t, "shares")
	n.Images = rapid.SampledFrom([][]string{nil, {"i"}}).Draw(t, "images")
	n.Models = rapid.SampledFrom([][]string{nil, {"m"}}).Draw(t, "models")
	parts := rapid.SampledFrom([]int{1, 1, 1, 2, 4}).Draw(t, "partitions")
	for b := range rapid.IntRange(0, 8).Draw(t, "boards") {
		if rapid.IntRange(0, 9).Draw(t, "other mode") == 0 {
			parts = 5 - min(parts, 4)
		}
		addBoard(t, &n, b, parts)
	}
	for i := range n.GPUs {
		for j := range n.GPUs[:i] {
			if rapid.IntRange(0, 3).Draw(t, "link") > 0 {
				n.GPUs[i].Peers = append(n.GPUs[i].Peers, aim.Peer{ID: n.GPUs[j].ID, Weight: 15})
			}
		}
	}
	return n
}

func addBoard(t *rapid.T, n *aim.FleetNode, board, parts int) {
	kind := rapid.SampledFrom([]string{"MI300X", "MI300X", "MI325X"}).Draw(t, "type")
	vram := uint64(192<<30) / uint64(parts)
	for part := range parts {
		render := len(n.GPUs)
		g := aim.GPU{
			ID: fmt.Sprintf("%s-g%d.%d", n.ID, board, part), UUID: fmt.Sprint(n.ID, "-u", board), PCI: fmt.Sprintf("%02x", board),
			Type: kind, Partition: part, Partitions: parts, RenderMinor: &render, Health: aim.HealthOK,
		}
		if rapid.IntRange(0, 9).Draw(t, "vram known") > 0 {
			g.VRAMBytes = &vram
		}
		if rapid.Bool().Draw(t, "numa known") {
			numa := board / 4
			g.CPUNode = &numa
		}
		switch rapid.IntRange(0, 9).Draw(t, "state") {
		case 0:
			g.Health = aim.HealthUnhealthy
		case 1:
			g.Busy = &aim.Busy{Who: "process 1"}
		case 2, 3, 4:
			c := aim.Claim{Identity: aim.Identity{Deployment: "d", UID: "u", Ordinal: render, Token: g.ID}, GPUs: []string{g.ID}, CPUs: 8, HostBytes: 8 << 30}
			n.Claims = append(n.Claims, c)
			n.ClaimCPUs += c.CPUs
			n.ClaimBytes += c.HostBytes
			if n.Shares && g.VRAMBytes != nil && rapid.Bool().Draw(t, "a share") {
				n.Claims[len(n.Claims)-1].ShareBytes = 10 << 30
			}
		}
		n.GPUs = append(n.GPUs, g)
	}
}

func drawRequest(t *rapid.T) aim.Request {
	return aim.Request{
		Deployment: "d", UID: "u", Ordinal: rapid.SampledFrom([]int{0, 99}).Draw(t, "ordinal"), Token: "t",
		ShareBytes: rapid.SampledFrom([]uint64{0, 0, 0, 16 << 30, 100 << 30}).Draw(t, "share"),
		GPUTypes:   rapid.SampledFrom([][]string{nil, nil, {"MI325X", "MI300X"}}).Draw(t, "gpu types"),
		GPUs:       rapid.SampledFrom([]int{0, 1, 1, 2, 4, 8, 11}).Draw(t, "gpus"),
		Nodes:      rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(t, "ranks"),
		GPUType:    rapid.SampledFrom([]string{"", "MI300X", "MI325X"}).Draw(t, "gpu type"),
		VRAMBytes:  rapid.SampledFrom([]uint64{0, 40 << 30, 190 << 30}).Draw(t, "vram"),
		CPUs:       rapid.SampledFrom([]int{0, 16, 64}).Draw(t, "cpus wanted"),
		HostBytes:  rapid.SampledFrom([]uint64{0, 50 << 30, 300 << 30}).Draw(t, "host wanted"),
		DiskBytes:  rapid.SampledFrom([]uint64{0, 100 << 30}).Draw(t, "disk wanted"),
		Selector:   rapid.SampledFrom([]map[string]string{nil, {"zone": "a"}}).Draw(t, "selector"),
		Avoid:      rapid.SampledFrom([]map[string]string{nil, {"n0": "it failed there"}}).Draw(t, "avoid"),
		Runtime:    rapid.SampledFrom([]string{"", "docker"}).Draw(t, "runtime"),
		Model:      rapid.SampledFrom([]string{"", "m"}).Draw(t, "model"),
		Image:      rapid.SampledFrom([]string{"", "i"}).Draw(t, "image"),
	}
}

func TestDecisionsOnRandomFleets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fleet, req := drawFleet(t), drawRequest(t)
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
func checkSame(t *rapid.T, d aim.Decision, req aim.Request, fleet aim.Fleet) {
	turned := aim.Fleet{Nodes: slices.Clone(fleet.Nodes)}
	slices.Reverse(turned.Nodes)
	if again := Place(req, turned); !reflect.DeepEqual(again, d) {
		t.Fatalf("first %+v, then %+v", d, again)
	}
}

// checkPlacement says what a placement must be, in other words than rules.go.
func checkPlacement(t *rapid.T, p aim.Placement, req aim.Request, fleet aim.Fleet) {
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
			types := typesOf(&req)
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
func checkOutcome(t *rapid.T, d aim.Decision, req aim.Request, fleet aim.Fleet) {
	var ideal aim.Fleet
	for _, n := range fleet.Nodes {
		n.Liveness, n.Cordon, n.Claims, n.ClaimCPUs, n.ClaimBytes = aim.Alive, "", nil, 0, 0
		n.Runtimes, n.DiskFree, n.HostFree = []string{"docker", "process"}, 1<<60, n.HostBytes
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
