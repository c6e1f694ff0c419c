package scheduler

import (
	"slices"

	"github.com/aim-engine/aim"
)

// decideGang places a replica that spans nodes: all ranks or none, on nodes
// whose GPUs are of one kind. Every kind in the fleet is tried; the kind with
// the best sum of scores wins, and one that cannot be placed is explained by
// the kind that comes nearest.
func (x *index) decideGang(r *aim.Request, kept map[string]string) *round {
	var ranks []candidate // of the best kind
	best, nearest, nearness := int32(0), int32(0), -1
	for _, k := range x.kindsFor(r) {
		v := x.begin(r, kept, k)
		if n := v.nearness(); n > nearness {
			nearest, nearness = k, n
		}
		if v.fit() < r.Nodes {
			continue
		}
		if found := v.best(r.Nodes); best == 0 || scoreOf(found) > scoreOf(ranks) {
			best, ranks = k, append(ranks[:0], found...)
		}
	}
	if best == 0 {
		return x.begin(r, kept, nearest)
	}
	v := x.begin(r, kept, best)
	v.chosen = append(v.chosen, ranks...)
	v.onRails(v.chosen)
	return v
}

// kindsFor lists the kinds of GPU that may be tried for a request, in order of
// their names, numbered from 1.
func (x *index) kindsFor(r *aim.Request) []int32 {
	types := typesOf(r)
	present := map[kind]bool{}
	for _, c := range x.chassis {
		for i := range c.pools {
			present[c.pools[i].kind] = present[c.pools[i].kind] || c.nodes > 0
		}
	}
	var ids []int32
	for i, k := range x.kinds {
		if present[k] && (len(types) == 0 || slices.Contains(types, k.gpuType)) {
			ids = append(ids, int32(i+1))
		}
	}
	slices.SortFunc(ids, func(a, b int32) int { return x.kinds[a-1].compare(x.kinds[b-1]) })
	return ids
}

// nearness orders kinds that cannot be placed: by whether they ever could, then
// by how many nodes fit now.
func (v *round) nearness() int {
	if v.possible() >= v.ranks {
		return v.fit() + len(v.x.order) + 1
	}
	return v.fit()
}

// onRails chooses GPUs again so that all ranks use those at the same positions
// where they can: the NIC of the k-th GPU of one node then talks to that of the
// next over one switch. The first rank sets the positions. Nothing that is
// scored changes by it.
func (v *round) onRails(ranks []candidate) {
	if v.s.gpus == 0 {
		return
	}
	rails := ranks[0].rating.choice.boards
	for i := range ranks[1:] {
		r := &ranks[i+1]
		c := r.m.class
		free := c.free.and(v.x.book.offerOf(v.s, c).mask)
		if choice := r.rating.pool.choose(free, v.s.gpus, rails); choice != r.rating.choice {
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
