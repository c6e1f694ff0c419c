package scheduler

import (
	"cmp"
	"slices"
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
	opts    Options
	nodes   map[string]*member
	order   []*member // by node id
	assumed map[string]*assumption
	waiting []*waiter // in order of their turn
	keep    *keep     // what is kept for one of them, if anything
}

// member is a node as last reported, and as placement sees it.
type member struct {
	reported aim.FleetNode
	counted  *aim.FleetNode // with assumed claims on top; nil = to be made again
	view     *view
}

// New makes a scheduler that knows no node yet.
func New(opts Options) *Scheduler {
	opts.AssumeFor = cmp.Or(opts.AssumeFor, defaultAssumeFor)
	opts.KeepFor = cmp.Or(opts.KeepFor, defaultKeepFor)
	return &Scheduler{opts: opts, nodes: map[string]*member{}, assumed: map[string]*assumption{}}
}

// Apply takes a node's newest report, liveness included, and ends the
// assumptions that it confirms. The node must not be changed afterwards.
func (s *Scheduler) Apply(node aim.FleetNode) {
	m, known := s.nodes[node.ID]
	if !known {
		m = &member{}
		s.nodes[node.ID] = m
		i, _ := slices.BinarySearchFunc(s.order, node.ID, byID)
		s.order = slices.Insert(s.order, i, m)
	}
	m.reported = node
	m.counted = nil
	for _, c := range node.Claims {
		s.confirm(c.Token, node.ID)
	}
}

// Remove forgets a node.
func (s *Scheduler) Remove(id string) {
	if _, known := s.nodes[id]; !known {
		return
	}
	delete(s.nodes, id)
	i, _ := slices.BinarySearchFunc(s.order, id, byID)
	s.order = slices.Delete(s.order, i, i+1)
}

// Snapshot is the fleet as placement sees it: as reported, with the assumed
// claims among the claims. It stays as it is when the scheduler goes on, so it
// may be read by another goroutine.
func (s *Scheduler) Snapshot() aim.Fleet {
	var fleet aim.Fleet
	for _, v := range s.views() {
		fleet.Nodes = append(fleet.Nodes, *v.node)
	}
	return fleet
}

// Place decides like the function Place, on the fleet as it stands with all
// assumptions, and leaves alone what is kept for a request that comes first. A
// placement is remembered under the request's token until a node shows the
// claim, Refused or Expire; asking again under the token starts afresh. One who
// waited and is placed this way waits no longer.
func (s *Scheduler) Place(req aim.Request, now time.Time) aim.Decision {
	s.Expire(now)
	s.forget(req.Token)
	d := s.decide(req)
	if d.Outcome == aim.Place {
		s.assume(req, d.Placement, now)
		s.leave(req.Token)
	}
	return d
}

func (s *Scheduler) decide(req aim.Request) aim.Decision {
	w := newWish(req)
	w.kept = s.keptFrom(req)
	return decide(w, s.views())
}

// views prepares the nodes that have changed since the last call.
func (s *Scheduler) views() []*view {
	views := make([]*view, len(s.order))
	for i, m := range s.order {
		if m.counted == nil {
			m.counted = s.count(m.reported)
			m.view = newView(m.counted)
		}
		views[i] = m.view
	}
	return views
}

func byID(m *member, id string) int { return cmp.Compare(m.reported.ID, id) }
