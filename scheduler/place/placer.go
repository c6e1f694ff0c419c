package place

import (
	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// Placer decides on one fleet. It is owned by the goroutine that owns the fleet.
type Placer struct {
	fleet *fleet.Fleet
	costs *costs

	names   names
	classes map[classKey]*RequestClass
	asked   uint64 // decisions so far

	run Run // the last decision; its memory is used again, so that a decision allocates nothing but its result
}

// New makes a Placer that has learnt nothing yet.
func New(f *fleet.Fleet) *Placer {
	return &Placer{
		fleet: f, costs: newCosts(), names: names{ids: map[string]int32{}}, classes: map[classKey]*RequestClass{},
	}
}

// Learn counts the request to the mix that is expected.
func (p *Placer) Learn(req *aim.PlacementRequest) { p.costs.learn(req) }

// Count counts ranks of replicas that have come, or, where it is less than none, have
// left: the turnover that opportunity costs depend on.
func (p *Placer) Count(ranks int) { p.costs.count(ranks) }

// Uncount takes back ranks that were counted as come: they never started.
func (p *Placer) Uncount(ranks int) { p.costs.came -= float64(ranks) }

// Decide takes one decision. Nothing is changed by it. The Run holds until the next
// decision, or a change of the fleet.
func (p *Placer) Decide(req *aim.PlacementRequest) *Run {
	if req.Nodes > 1 {
		return p.decideGang(req)
	}
	v := p.begin(req, 0)
	if v.fit() > 0 {
		v.chosen = append(v.chosen, v.best(1)...)
	}
	return v
}

// Ranks is how many ranks are placed; none where the request does not fit.
func (v *Run) Ranks() int { return len(v.chosen) }

// Rank is what one rank takes of which node.
func (v *Run) Rank(i int) fleet.Rank {
	c := &v.chosen[i]
	return fleet.Rank{Node: c.m, GPUs: c.rating.choice.GPUs, IDs: c.m.IDsOf(c.rating.choice.GPUs), Share: v.class.share}
}

// Decision is what has been decided, with the exact GPUs, but without words.
func (v *Run) Decision() aim.Decision {
	d := aim.Decision{Outcome: aim.Wait, Nodes: v.p.fleet.Len()}
	switch {
	case len(v.chosen) > 0:
		d.Outcome, d.Placement = aim.Place, v.placement()
	case d.Nodes > 0 && v.possible() < v.ranks:
		d.Outcome = aim.Impossible
	}
	return d
}

// placement names the exact GPUs. Most placements have one rank, and then take one
// piece of memory.
func (v *Run) placement() *aim.Placement {
	one := &struct {
		aim.Placement
		rank [1]aim.Rank
	}{}
	one.Ranks = one.rank[:]
	if len(v.chosen) > 1 {
		one.Ranks = make([]aim.Rank, len(v.chosen))
	}
	for i := range v.chosen {
		r := v.Rank(i)
		one.Ranks[i] = aim.Rank{Node: r.Node.ID(), GPUs: r.IDs, ShareBytes: r.Share}
	}
	return &one.Placement
}
