package scheduler

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/aim-engine/aim"
)

const (
	// maxSteps is how many replicas one plan touches: more of them cost more
	// downtime and caches than one placement is worth.
	maxSteps = 4
	// maxGuests is how many replicas of one node are considered, the smallest
	// first: all subsets of them are looked at.
	maxGuests = 8
)

// reliever is one search for a plan.
type reliever struct {
	s      *Scheduler
	req    *aim.Request
	shape  *shape
	relief Relief

	plan  Plan
	harm  harm
	found bool
}

// guest is a replica on a node that may be asked to make room.
type guest struct {
	holder
	id        aim.Identity
	tenant    Tenant
	stoppable bool
}

// harm is what a plan does to others; the numbers count in this order.
type harm struct{ stopped, priority, stoppedGPUs, moved, movedGPUs int }

func (a harm) compare(b harm) int {
	return cmp.Or(cmp.Compare(a.stopped, b.stopped), cmp.Compare(a.priority, b.priority),
		cmp.Compare(a.stoppedGPUs, b.stoppedGPUs), cmp.Compare(a.moved, b.moved), cmp.Compare(a.movedGPUs, b.movedGPUs))
}

// tryNode looks at all small sets of a node's guests. Ties between plans go to
// the node that is nearer, as nodes come in that order.
func (r *reliever) tryNode(m *member) {
	guests := r.guests(m)
	for set := 1; set < 1<<len(guests); set++ {
		n := bits.OnesCount(uint(set))
		if n > maxSteps || r.found && r.harm.compare(harm{moved: n}) <= 0 {
			continue
		}
		var gone []guest
		for i, g := range guests {
			if set&(1<<i) != 0 {
				gone = append(gone, g)
			}
		}
		if r.s.x.fitsWithout(r.shape, m, gone) {
			r.propose(m, gone)
		}
	}
}

// guests lists the replicas that may be moved or stopped.
func (r *reliever) guests(m *member) []guest {
	var all []guest
	for i := range len(m.held) + len(m.pledged) {
		g := guest{holder: holder{m, i}}
		g.id = g.identity()
		if g.id.UID == r.req.UID && g.id.Deployment == r.req.Deployment || g.stopping() {
			continue
		}
		tenant, known := r.relief.Who(g.id)
		g.tenant = tenant
		g.stoppable = r.relief.Preempt && tenant.Spare > 0 && tenant.Request.Priority < r.req.Priority
		if known && tenant.Request.Nodes <= 1 && (g.stoppable || r.relief.Moves > 0) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b guest) int {
		return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.id.ReplicaName(), b.id.ReplicaName()), cmp.Compare(a.id.Token, b.id.Token))
	})
	return all[:min(len(all), maxGuests)]
}

func (h holder) size() int {
	gpus, _ := h.holds()
	return gpus.count()
}

// propose finds a place for each of those who have to go, the largest first,
// and keeps the plan if it harms less than the best so far. What it assumes
// meanwhile it takes back.
func (r *reliever) propose(m *member, gone []guest) {
	plan := Plan{Request: *r.req, Node: m.node.ID}
	var h harm
	var taken []*pledge
	defer func() {
		for _, p := range taken {
			at := r.s.x.byID[p.node]
			r.s.x.unpledge(at, p)
			r.s.x.move(at)
		}
	}()
	stopped := map[home]int{}
	for _, g := range slices.Backward(gone) {
		step := Step{Replica: g.id}
		if h.moved < r.relief.Moves {
			if p := r.moveAway(m, g); p != nil {
				taken = append(taken, p)
				step.To = &aim.Placement{Ranks: []aim.Rank{{Node: p.node, GPUs: p.ids, ShareBytes: p.share}}}
			}
		}
		of := home{g.id.UID, g.id.Deployment}
		switch {
		case step.To != nil:
			h.moved, h.movedGPUs = h.moved+1, h.movedGPUs+g.size()
		case g.stoppable && stopped[of] < g.tenant.Spare:
			stopped[of]++
			h.priority = max(h.priority, g.tenant.Request.Priority+aim.MaxPriority+1)
			h.stopped, h.stoppedGPUs = h.stopped+1, h.stoppedGPUs+g.size()
		default:
			return
		}
		plan.Steps = append(plan.Steps, step)
	}
	if !r.found || h.compare(r.harm) < 0 {
		r.plan, r.harm, r.found = plan, h, true
	}
}

// moveAway assumes the guest on another node, or returns nil where none has
// room.
func (r *reliever) moveAway(m *member, g guest) *pledge {
	req := g.tenant.Request
	req.Avoid = map[string]string{m.node.ID: "it makes room there"}
	v := r.s.x.decide(&req, r.s.keptFrom(&req))
	if len(v.chosen) == 0 {
		return nil
	}
	p := &pledge{}
	r.s.x.pledge(p, new(assumption).of(&req), &v.chosen[0], &v.placement().Ranks[0])
	return p
}

// fitsWithout tells whether a node would fit a shape if some of its guests had
// left.
func (x *index) fitsWithout(s *shape, m *member, gone []guest) bool {
	x.settle()
	rest := *m
	rest.held, rest.pledged, rest.node.Claims = nil, nil, nil
	leaves := func(i int) bool { return slices.ContainsFunc(gone, func(g guest) bool { return g.i == i }) }
	for i := range m.held {
		if !leaves(i) {
			rest.held = append(rest.held, m.held[i])
			continue
		}
		rest.node.ClaimCPUs -= m.node.Claims[i].CPUs
		rest.node.ClaimBytes -= min(rest.node.ClaimBytes, m.node.Claims[i].HostBytes)
	}
	for i := range m.pledged {
		if !leaves(len(m.held) + i) {
			rest.pledged = append(rest.pledged, m.pledged[i])
		}
	}
	rest.countClaimed()
	rest.countAssumed()
	c := x.class(&rest)
	o := x.book.offerOf(s, &c)
	x.failures = broken(s, &c, &o, x.failures[:0])
	return len(x.failures) == 0
}
