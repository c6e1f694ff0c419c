package preempt

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/place"
)

const (
	// maxSteps is how many replicas one plan touches: more of them cost more downtime
	// and caches than one placement is worth.
	maxSteps = 4
	// maxVictims is how many replicas of one node are considered, the smallest first:
	// all subsets of them are looked at.
	maxVictims = 8
)

// Search looks for the plan that costs others least; ok is false where there is none,
// and then the plan says at most what forbids one. Nothing is changed by it: the steps
// are proposals like any placement. Room for a gang is not made, but reserved.
func Search(f *fleet.Fleet, p *place.Placer, req aim.PlacementRequest, policy Policy) (plan Plan, ok bool) {
	if req.Nodes > 1 || policy.Who == nil {
		return Plan{}, false
	}
	line := p.Line(&req)
	defer line.Drop()
	s := search{fleet: f, placer: p, line: line, req: &req, policy: policy}
	nodes := p.NearestNodes(&req, place.NearNodes)
	if s.run(nodes); s.found || !policy.Preempt {
		return s.plan, s.found
	}
	s.ignoreMinimum = true
	if s.run(nodes); s.found {
		return Plan{Request: req, Forbidden: s.forbidden()}, false
	}
	return Plan{}, false
}

// search is one search for a plan.
type search struct {
	fleet  *fleet.Fleet
	placer *place.Placer
	line   place.Line // of the preemptor
	req    *aim.PlacementRequest
	policy Policy

	ignoreMinimum bool // to find out whether that alone stands in the way

	plan  Plan
	cost  cost
	found bool
}

// victim is a replica on a node that may be asked to make room.
type victim struct {
	fleet.Holder
	Victim
	id        aim.Identity
	stoppable bool
}

// cost is what a plan does to others; the numbers count in this order.
type cost struct{ stopped, priority, stoppedGPUs, moved, movedGPUs int }

func (a cost) compare(b cost) int {
	return cmp.Or(cmp.Compare(a.stopped, b.stopped), cmp.Compare(a.priority, b.priority),
		cmp.Compare(a.stoppedGPUs, b.stoppedGPUs), cmp.Compare(a.moved, b.moved), cmp.Compare(a.movedGPUs, b.movedGPUs))
}

func (s *search) run(nodes []*fleet.Node) {
	for _, m := range nodes {
		s.tryNode(m)
	}
}

// tryNode looks at all small sets of a node's victims. Ties between plans go to the
// node that is nearer, as nodes come in that order.
func (s *search) tryNode(m *fleet.Node) {
	victims := s.victims(m)
	for set := 1; set < 1<<len(victims); set++ {
		n := bits.OnesCount(uint(set))
		if n > maxSteps || s.found && s.cost.compare(cost{moved: n}) <= 0 {
			continue
		}
		var gone []victim
		var holders []fleet.Holder
		for i, v := range victims {
			if set&(1<<i) != 0 {
				gone, holders = append(gone, v), append(holders, v.Holder)
			}
		}
		s.placer.Settle()
		if s.line.FitsWithout(m, holders) {
			s.propose(m, gone)
		}
	}
}

// victims lists the replicas that may be moved or stopped, the smallest first.
func (s *search) victims(m *fleet.Node) []victim {
	var all []victim
	for h := range m.Holders {
		v := victim{Holder: h, id: h.Identity()}
		if v.id.UID == s.req.UID && v.id.Deployment == s.req.Deployment || h.Stopping() {
			continue
		}
		known := false
		v.Victim, known = s.policy.Who(v.id)
		v.stoppable = s.policy.Preempt && (v.Spare > 0 || s.ignoreMinimum) && v.Request.Priority < s.req.Priority
		if known && v.Request.Nodes <= 1 && (v.stoppable || s.policy.Moves > 0) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b victim) int {
		return cmp.Or(cmp.Compare(a.gpus(), b.gpus()), cmp.Compare(a.id.ReplicaName(), b.id.ReplicaName()), cmp.Compare(a.id.Token, b.id.Token))
	})
	return all[:min(len(all), maxVictims)]
}

func (v *victim) gpus() int {
	gpus, _ := v.Holds()
	return gpus.Count()
}

// propose finds a place for each of those who have to go, the largest first, and keeps
// the plan if it costs less than the best so far. What it supposes meanwhile it takes
// back.
func (s *search) propose(m *fleet.Node, gone []victim) {
	plan := Plan{Request: *s.req, Node: m.ID()}
	var c cost
	stopped := map[[2]string]int{} // by deployment
	for _, v := range slices.Backward(gone) {
		step := Step{Replica: v.id}
		if c.moved < s.policy.Moves {
			if to, undo := s.moveAway(m, v); to != nil {
				defer undo()
				step.To = to
			}
		}
		of := [2]string{v.id.UID, v.id.Deployment}
		switch {
		case step.To != nil:
			c.moved, c.movedGPUs = c.moved+1, c.movedGPUs+v.gpus()
		case v.stoppable && (stopped[of] < v.Spare || s.ignoreMinimum):
			stopped[of]++
			c.priority = max(c.priority, v.Request.Priority+aim.MaxPriority+1)
			c.stopped, c.stoppedGPUs = c.stopped+1, c.stoppedGPUs+v.gpus()
		default:
			return
		}
		plan.Steps = append(plan.Steps, step)
	}
	if !s.found || c.compare(s.cost) < 0 {
		s.plan, s.cost, s.found = plan, c, true
	}
}

// moveAway supposes the victim on another node, or returns nil where none has room.
func (s *search) moveAway(m *fleet.Node, v victim) (to *aim.Placement, undo func()) {
	req := v.Request
	req.Avoid = map[string]string{m.ID(): "it makes room there"}
	run := s.placer.Decide(&req)
	if run.Ranks() == 0 {
		return nil, nil
	}
	r := run.Rank(0)
	to = &aim.Placement{Ranks: []aim.Rank{{Node: r.Node.ID(), GPUs: r.IDs, ShareBytes: r.Share}}}
	return to, s.fleet.Suppose(&req, r)
}

// forbidden says whose minimum forbids the plan that was found without minimums.
func (s *search) forbidden() string {
	stops := map[[2]string][]string{}
	var texts []string
	for _, step := range s.plan.Steps {
		if step.To != nil {
			continue
		}
		of := [2]string{step.Replica.UID, step.Replica.Deployment}
		stops[of] = append(stops[of], step.Replica.ReplicaName())
		v, _ := s.policy.Who(step.Replica)
		if len(stops[of]) == v.Spare+1 {
			texts = append(texts, fmt.Sprintf("%s keeps its min_available of %d", step.Replica.Deployment, v.Minimum))
		}
	}
	var all []string
	for _, step := range s.plan.Steps {
		all = append(all, step.Replica.ReplicaName())
	}
	return fmt.Sprintf("by stopping %s on %s, but %s", strings.Join(all, " and "), s.plan.Node, strings.Join(texts, ", "))
}
