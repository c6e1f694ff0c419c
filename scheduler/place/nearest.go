package place

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/topology"
)

// near is a node that fits, or would if others left it.
type near struct {
	m    *fleet.Node
	free int // GPUs that would serve
}

// Nearest picks as many nodes of one kind as the request has ranks, those that lack
// the fewest free GPUs; ties go to the id. nil where too few nodes lack nothing but
// room.
func (p *Placer) Nearest(req *aim.PlacementRequest) []*fleet.Node {
	var best []near
	most := 0
	kinds := []int32{0}
	if req.Nodes > 1 {
		kinds = p.kindsFor(req)
	}
	for _, k := range kinds {
		v := p.begin(req, k)
		all := v.nearest(v.ranks)
		free := 0
		for _, n := range all {
			free += n.free
		}
		if len(all) == v.ranks && (best == nil || free > most) {
			best, most = all, free
		}
	}
	return nodesOf(best)
}

// NearestNodes lists the n nodes that lack the fewest free GPUs and nothing but room.
func (p *Placer) NearestNodes(req *aim.PlacementRequest, n int) []*fleet.Node {
	return nodesOf(p.begin(req, 0).nearest(n))
}

func nodesOf(all []near) []*fleet.Node {
	var nodes []*fleet.Node
	for _, n := range all {
		nodes = append(nodes, n.m)
	}
	return nodes
}

func (v *Run) nearest(n int) []near {
	var found []near
	for id, nodes := range v.p.fleet.Counts() {
		if nodes == 0 {
			continue
		}
		if d := &v.class.verdicts[id]; d.room {
			found = v.firstOf(int32(id), int(d.free), n, found)
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(b.free, a.free), cmp.Compare(a.m.Slot(), b.m.Slot()))
	})
	return found[:min(n, len(found))]
}

// firstOf adds the first n nodes of a class.
func (v *Run) firstOf(class int32, free, n int, found []near) []near {
	f := bitset.Filter{}
	for slot := v.p.fleet.Next(class, 0, &f); slot >= 0 && n > 0; slot = v.p.fleet.Next(class, slot+1, &f) {
		if m := v.p.fleet.At(slot); v.request.Avoid[m.ID()] == "" {
			found = append(found, near{m, free})
			n--
		}
	}
	return found
}

// HasRoom tells whether a node lacks nothing but what others would give back.
func (l Line) HasRoom(m *fleet.Node) bool { return l.p.judge(l.class, m.Class().ID).room }

// Fits tells whether a node would do as it is.
func (l Line) Fits(m *fleet.Node) bool {
	d := l.p.judge(l.class, m.Class().ID)
	if d.reason == fits {
		return true
	}
	weights := l.p.fleet.WithModel(l.model)
	return d.only == ruleDisk && weights != nil && weights.Has(m.Slot())
}

// FitsWithout tells whether a node would do if some who hold something there had left
// it.
func (l Line) FitsWithout(m *fleet.Node, gone []fleet.Holder) bool {
	c := l.p.fleet.ClassWithout(m, gone, topology.Mask{})
	o := l.p.offerOf(l.class, &c)
	return len(broken(l.class, &c, &o)) == 0
}
