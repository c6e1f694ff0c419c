package scheduler

import (
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
)

// Tenant is what has to be known of a replica that is to make room: what it
// would ask for elsewhere, its priority with it, and how many replicas its
// deployment can do without now and still have its minimum.
type Tenant struct {
	Request aim.Request
	Spare   int
}

// Relief says what may be done to make room. Nothing may, by default.
type Relief struct {
	Moves   int  // replicas that may be moved to other nodes
	Preempt bool // replicas of lower priority may be stopped
	// Who knows the tenant that a claim belongs to. Claims of nobody it knows
	// stay where they are.
	Who func(aim.Identity) (Tenant, bool)
}

// Plan is how room is made for a request on one node, for a person to read and
// for workflows to carry out one step after the other.
type Plan struct {
	Request aim.Request `json:"request"`
	Node    string      `json:"node"`
	Steps   []Step      `json:"steps"`
}

// Step moves one replica, or stops it.
type Step struct {
	Replica aim.Identity   `json:"replica"`
	To      *aim.Placement `json:"to,omitempty"` // nil: it is stopped, and waits
}

// String is the plan in one line.
func (p Plan) String() string {
	var steps []string
	for _, s := range p.Steps {
		if s.To == nil {
			steps = append(steps, "stop "+s.Replica.ReplicaName())
			continue
		}
		steps = append(steps, fmt.Sprintf("move %s to %s", s.Replica.ReplicaName(), s.To.Ranks[0].Node))
	}
	who := aim.Identity{Deployment: p.Request.Deployment, Ordinal: p.Request.Ordinal}.ReplicaName()
	return fmt.Sprintf("for %s on %s: %s", who, p.Node, strings.Join(steps, ", then "))
}

// Relieve looks for the least harmful way to make room on one node for a
// request that does not fit; ok is false where there is none. Moving comes
// before stopping, stopping a lower priority before a higher one, few GPUs
// before many. Only replicas of lower priority are stopped, and none that its
// deployment cannot do without. Every move goes where there is room now, so that
// the new replica can be proven before the old one stops.
//
// Nothing is changed by it: the steps are proposals like any placement. Room for
// a gang is not made, but kept: see keep.
func (s *Scheduler) Relieve(req aim.Request, relief Relief) (plan Plan, ok bool) {
	if req.Nodes > 1 || relief.Who == nil {
		return Plan{}, false
	}
	v := s.x.begin(&req, s.keptFrom(&req), 0)
	r := reliever{s: s, req: &req, shape: v.s, relief: relief}
	r.shape.pins++
	defer func() { r.shape.pins-- }()
	for _, n := range v.nearNodes(nil, nearNodes) {
		r.tryNode(n.m)
	}
	return r.plan, r.found
}

// Relieve is Scheduler.Relieve on a fleet as it stands.
func Relieve(req aim.Request, fleet aim.Fleet, relief Relief) (plan Plan, ok bool) {
	s := New(Options{})
	for _, n := range fleet.Nodes {
		s.Apply(n)
	}
	return s.Relieve(req, relief)
}
