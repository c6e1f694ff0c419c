package place

import (
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// decideGang places a replica that spans nodes: all ranks or none, on nodes
// whose GPUs are of one kind. Every kind in the fleet is tried; the kind with
// the best sum of scores wins, and one that cannot be placed is explained by
// the kind that comes nearest:
//
//	n1 MI300X ........   n2 MI300X aaaaaaaa   n3 MI325X ........   n4 MI325X ........
//	8 GPUs on 2 nodes:  MI300X has one node that fits, MI325X two: n3 and n4
func (p *Placer) decideGang(r *aim.PlacementRequest) *Run {
	var ranks []candidate // of the best kind
	best, nearest, nearness := int32(-1), int32(0), -1
	for _, k := range p.kindsFor(r) {
		v := p.begin(r, k)
		if n := v.nearness(); n > nearness {
			nearest, nearness = k, n
		}
		if v.fit() < r.Nodes {
			continue
		}
		if found := v.best(r.Nodes); best < 0 || scoreOf(found) > scoreOf(ranks) {
			best, ranks = k, append(ranks[:0], found...)
		}
	}
	if best < 0 {
		return p.begin(r, nearest)
	}
	v := p.begin(r, best)
	v.chosen = append(v.chosen, ranks...)
	v.onRails(v.chosen)
	return v
}

// kindsFor lists the kinds of GPU that may be tried for a request, in order of
// their names, numbered from 1; 0 is any, for one that needs no GPU.
func (p *Placer) kindsFor(r *aim.PlacementRequest) []int32 {
	if r.GPUs == 0 && r.ShareBytes == 0 {
		return []int32{0}
	}
	types := typesOf(r)
	present := map[topology.Kind]bool{}
	for _, h := range p.fleet.Hardware() {
		for i := range h.Pools {
			present[h.Pools[i].Kind] = present[h.Pools[i].Kind] || h.Present()
		}
	}
	var ids []int32
	kinds := p.fleet.Kinds()
	for i, k := range kinds {
		if present[k] && (len(types) == 0 || slices.Contains(types, k.Type)) {
			ids = append(ids, int32(i+1))
		}
	}
	slices.SortFunc(ids, func(a, b int32) int { return kinds[a-1].Compare(kinds[b-1]) })
	return ids
}

// nearness orders kinds that cannot be placed: by whether they ever could, then
// by how many nodes fit now.
func (v *Run) nearness() int {
	if v.possible() >= v.ranks {
		return v.fit() + v.p.fleet.Len() + 1
	}
	return v.fit()
}

// onRails chooses GPUs again so that all ranks use those at the same positions
// where they can: the NIC of the k-th GPU of one node then talks to that of the
// next over one switch. The first rank sets the positions. Nothing that is
// scored changes by it.
func (v *Run) onRails(ranks []candidate) {
	if v.class.gpus == 0 {
		return
	}
	rails := ranks[0].rating.choice.Boards
	for i := range ranks[1:] {
		r := &ranks[i+1]
		c := r.m.Class()
		free := c.Free.And(v.p.offerOf(v.class, c).mask)
		if choice := r.rating.pool.Choose(free, v.class.gpus, rails); choice != r.rating.choice {
			again := *r.rating
			again.choice = choice
			r.rating = &again
		}
	}
}

func scoreOf(ranks []candidate) int {
	sum := 0
	for i := range ranks {
		sum += ranks[i].score
	}
	return sum
}
