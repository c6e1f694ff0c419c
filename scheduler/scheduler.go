package scheduler

import (
	"cmp"
	"time"

	"github.com/aim-engine/aim"
)

// Options of a Scheduler. Zero values are replaced by the defaults below.
type Options struct {
	// AssumeFor is how long a proposal counts as taken while no inventory shows
	// its claim.
	AssumeFor time.Duration
	// KeepFor is how long nodes are kept for one request that waits, and then
	// how long nothing is kept for it.
	KeepFor time.Duration
}

const (
	// A claim follows its proposal within a second; 30 s covers a node whose
	// worker is busy or just restarting. Too long holds GPUs that nobody took,
	// too short costs one refused claim.
	defaultAssumeFor = 30 * time.Second
	// Ten minutes is longer than most rollouts, so that the GPUs which a
	// finished one gives back are caught, and short enough not to leave them
	// idle for nothing.
	defaultKeepFor = 10 * time.Minute
)

// Scheduler is placement over a fleet that changes. It is owned by one
// goroutine; its methods never block.
type Scheduler struct {
	opts        Options
	x           *index
	assumptions assumptions
	queue       queue
	keep        *keep // what is kept for one of those who wait, if anything
	epoch       uint64
}

// New makes a scheduler that knows no node yet.
func New(opts Options) *Scheduler {
	opts.AssumeFor = cmp.Or(opts.AssumeFor, defaultAssumeFor)
	opts.KeepFor = cmp.Or(opts.KeepFor, defaultKeepFor)
	return &Scheduler{
		opts: opts, x: newIndex(), queue: newQueue(),
	}
}

// Apply takes a node's newest report, liveness included, and ends the
// assumptions that it confirms. The node must not be changed afterwards.
func (s *Scheduler) Apply(node aim.FleetNode) {
	m, known, more := s.x.apply(node)
	if !known {
		s.remember(m)
	}
	if confirmed := s.confirm(m); known {
		s.x.outlook.count(more - confirmed) // those have come when they were placed
	}
	s.x.move(m)
	s.touch(m)
}

// Remove forgets a node.
func (s *Scheduler) Remove(id string) {
	if m, known := s.x.byID[id]; known {
		s.x.leave(m)
		s.epoch++
	}
}

// Snapshot is the fleet as placement sees it: as reported, with the assumed
// claims among the claims. It stays as it is when the scheduler goes on, so it
// may be read by another goroutine.
func (s *Scheduler) Snapshot() aim.Fleet {
	fleet := aim.Fleet{Nodes: make([]aim.FleetNode, len(s.x.order))}
	for i, m := range s.x.order {
		fleet.Nodes[i] = m.counted()
	}
	return fleet
}

// Place decides like the function Place, on the fleet as it stands with all
// assumptions, and leaves alone what is kept for a request that comes first. A
// placement is remembered under the request's token until a node shows the
// claim, Refused or Expire; asking again under the token starts afresh, and so
// does another attempt of the same replica. One who waited and is placed this
// way waits no longer. What is asked this way is the mix that the outlook
// learns.
//
// The decision has the exact GPUs, but no words yet: see Explain.
func (s *Scheduler) Place(req aim.Request, now time.Time) aim.Decision {
	s.Expire(now)
	if !s.replace(&req) {
		s.x.outlook.learn(&req)
	}
	v := s.decide(&req)
	d := v.decision()
	if d.Outcome == aim.Place {
		s.assume(&req, v.chosen, d.Placement, now)
		s.leave(req.Token)
	}
	return d
}

// Consider decides like Place, but assumes nothing: it is for those who only want
// to know whether there is a place.
func (s *Scheduler) Consider(req *aim.Request) aim.Decision { return s.decide(req).decision() }

// Explain adds to the decision that Place returned last why it is so: every node
// accounted for, the best candidates with their scores, what would make it fit.
// Nothing else may be told or asked between the two.
func (s *Scheduler) Explain(d *aim.Decision) { s.x.round.explain(d) }

func (s *Scheduler) decide(req *aim.Request) *round { return s.x.decide(req, s.keptFrom(req)) }

// touch notes that a node has changed in a way that may help those who wait.
func (s *Scheduler) touch(m *member) {
	s.epoch++
	s.queue.touch(m)
}
