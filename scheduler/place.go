package scheduler

import (
	"github.com/aim-engine/aim"
)

// Place decides where the request goes on this fleet: a placement with exact
// GPUs, Wait with every reason why not now, or Impossible when too few nodes
// could hold it even with nothing else on them. What may pass counts as
// waiting: a node that is cordoned, silent, away or lost, a GPU that is in use,
// unhealthy or quarantined. A fleet without nodes is waited for as well.
//
// The same request and fleet give the same decision, in whatever order the
// fleet lists its nodes. Preparing the fleet takes some microseconds a node;
// who decides often keeps a Scheduler.
func Place(req aim.Request, fleet aim.Fleet) aim.Decision {
	x := newIndex()
	for i := range fleet.Nodes {
		x.apply(fleet.Nodes[i])
	}
	v := x.decide(&req, nil)
	d := v.decision()
	v.explain(&d)
	return d
}

// decide takes one decision. The round holds it until the next one begins.
func (x *index) decide(r *aim.Request, kept map[string]string) *round {
	if r.Nodes > 1 {
		return x.decideGang(r, kept)
	}
	v := x.begin(r, kept, 0)
	if v.fit() > 0 {
		v.chosen = append(v.chosen, v.best(1)...)
	}
	return v
}

// decision is what has been decided, with the exact GPUs, but without words.
func (v *round) decision() aim.Decision {
	d := aim.Decision{Outcome: aim.Wait, Nodes: len(v.x.order)}
	switch {
	case len(v.chosen) > 0:
		d.Outcome, d.Placement = aim.Place, v.placement()
	case d.Nodes > 0 && v.possible() < v.ranks:
		d.Outcome = aim.Impossible
	}
	return d
}

// placement names the exact GPUs. Most placements have one rank, and then take
// one piece of memory.
func (v *round) placement() *aim.Placement {
	one := &struct {
		aim.Placement
		rank [1]aim.Rank
	}{}
	one.Ranks = one.rank[:]
	if len(v.chosen) > 1 {
		one.Ranks = make([]aim.Rank, len(v.chosen))
	}
	for i := range v.chosen {
		c := &v.chosen[i]
		one.Ranks[i] = aim.Rank{Node: c.m.node.ID, GPUs: c.m.named(c.rating.choice.devices), ShareBytes: v.s.share}
	}
	return &one.Placement
}
