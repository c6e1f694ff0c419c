package scheduler

import (
	"cmp"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/place"
	"github.com/aim-engine/aim/scheduler/preempt"
	"github.com/aim-engine/aim/scheduler/queue"
)

// Options of a Scheduler. Zero values are replaced by the defaults below.
type Options struct {
	// AssumeFor is how long a proposal counts as taken while no inventory shows its
	// claim.
	AssumeFor time.Duration
	// ReserveFor is how long the first reservation for one request that waits lasts,
	// and then how long it has none: see package queue.
	ReserveFor time.Duration
}

const (
	// A claim follows its proposal within a second; 30 s covers a node whose worker is
	// busy or just restarting. Too long holds GPUs that nobody took, too short costs
	// one refused claim.
	defaultAssumeFor = 30 * time.Second
	// Ten minutes is longer than most rollouts, so that the GPUs which a finished one
	// gives back are caught, and short enough not to leave them idle for nothing.
	defaultReserveFor = 10 * time.Minute
)

// Scheduler is placement over a fleet that changes. It is owned by one goroutine; its
// methods never block.
type Scheduler struct {
	opts   Options
	fleet  *fleet.Fleet
	placer *place.Placer
	queue  *queue.Queue
}

// New makes a scheduler that knows no node yet.
func New(opts Options) *Scheduler {
	opts.AssumeFor = cmp.Or(opts.AssumeFor, defaultAssumeFor)
	opts.ReserveFor = cmp.Or(opts.ReserveFor, defaultReserveFor)
	f := fleet.New()
	p := place.New(f)
	return &Scheduler{opts: opts, fleet: f, placer: p, queue: queue.New(f, p, opts.ReserveFor)}
}

// Place decides where the request goes on this fleet: a placement with exact GPUs, Wait
// with every reason why not now, or Impossible when too few nodes could hold it even
// with nothing else on them. What may pass counts as waiting: a node that is cordoned,
// silent, away or lost, a GPU that is in use, unhealthy or quarantined. A fleet without
// nodes is waited for as well.
//
// The same request and fleet give the same decision, in whatever order the fleet lists
// its nodes. Preparing the fleet takes some microseconds a node; who decides often
// keeps a Scheduler.
func Place(req aim.PlacementRequest, nodes aim.Fleet) aim.Decision {
	s := withNodes(nodes)
	return s.Consider(&req)
}

// MakeRoom is Scheduler.MakeRoom on a fleet as it stands.
func MakeRoom(req aim.PlacementRequest, nodes aim.Fleet, policy preempt.Policy) (plan preempt.Plan, ok bool) {
	return withNodes(nodes).MakeRoom(req, policy)
}

func withNodes(nodes aim.Fleet) *Scheduler {
	s := New(Options{})
	for _, n := range nodes.Nodes {
		s.Apply(n)
	}
	return s
}

// Apply takes a node's newest report, liveness included, and ends the assumptions that
// it confirms. The node must not be changed afterwards.
func (s *Scheduler) Apply(node aim.FleetNode) { s.placer.Count(s.fleet.Apply(node)) }

// Remove forgets a node.
func (s *Scheduler) Remove(id string) { s.fleet.Remove(id) }

// Snapshot is the fleet as placement sees it: as reported, with the assumed claims
// among the claims. It stays as it is when the scheduler goes on, so it may be read by
// another goroutine.
func (s *Scheduler) Snapshot() aim.Fleet { return s.fleet.Snapshot() }

// Place decides like the function Place, on the fleet as it stands with all assumptions,
// and leaves alone what is reserved for a request that comes first. A placement is
// remembered under the request's token until a node shows the claim, Refused or Expire;
// asking again under the token starts afresh, and so does another attempt of the same
// replica. One who waited and is placed this way waits no longer. What is asked this way
// is the mix of requests that opportunity costs are learnt from.
func (s *Scheduler) Place(req aim.PlacementRequest, now time.Time) aim.Decision {
	return s.decide(&req, now, (*place.Run).Explained)
}

// Propose is Place without words: the outcome and the exact GPUs, for those who ask by
// the hundred thousand.
func (s *Scheduler) Propose(req aim.PlacementRequest, now time.Time) aim.Decision {
	return s.decide(&req, now, (*place.Run).Decision)
}

func (s *Scheduler) decide(req *aim.PlacementRequest, now time.Time, words func(*place.Run) aim.Decision) aim.Decision {
	s.Expire(now)
	again, ranks := s.fleet.Replace(req)
	s.placer.Uncount(ranks)
	if !again {
		s.placer.Learn(req)
	}
	if s.queue.Passes(req) {
		s.fleet.Lift()
		defer s.fleet.Restore()
	}
	if req.Succeeds != "" {
		defer s.fleet.WithoutClaim(req, req.Succeeds)()
	}
	run := s.placer.Decide(req)
	d := words(run)
	if d.Outcome == aim.Place {
		s.assume(req, run, now)
		s.queue.Leave(req.Token)
	}
	return d
}

// assume counts a placement as taken.
func (s *Scheduler) assume(req *aim.PlacementRequest, run *place.Run, now time.Time) {
	s.fleet.Assume(req, now, run.Ranks(), run.Rank)
	s.placer.Count(run.Ranks())
}

// Consider decides like Place, but assumes nothing: it is for those who only want to
// know whether there is a place.
func (s *Scheduler) Consider(req *aim.PlacementRequest) aim.Decision {
	if s.queue.Passes(req) {
		s.fleet.Lift()
		defer s.fleet.Restore()
	}
	if req.Succeeds != "" {
		defer s.fleet.WithoutClaim(req, req.Succeeds)()
	}
	return s.placer.Decide(req).Explained()
}

// Refused says that a node did not admit the claim of this request. A gang gives up all
// its ranks together, so nothing of the placement is assumed any longer.
func (s *Scheduler) Refused(req *aim.PlacementRequest, node string) {
	s.placer.Uncount(s.fleet.Refused(req, node))
}

// Expire ends assumptions that nothing was heard of for AssumeFor, and returns their
// tokens, the oldest first.
func (s *Scheduler) Expire(now time.Time) []string {
	tokens, ranks := s.fleet.Expire(now, s.opts.AssumeFor)
	s.placer.Uncount(ranks)
	return tokens
}

// Wait queues the request by its priority and its first time of asking; one that was
// queued before, here or elsewhere, gets its old place back. The same token again
// replaces the request.
func (s *Scheduler) Wait(req aim.PlacementRequest) { s.queue.Add(req) }

// Cancel takes a request out of the queue and forgets what was assumed for it: the
// replica had come, and has left.
func (s *Scheduler) Cancel(req *aim.PlacementRequest) {
	s.placer.Count(-s.fleet.Forget(req))
	s.queue.Leave(req.Token)
}

// Waiting tells where a request stands, and why, as of now; ok is false when it does not
// wait.
func (s *Scheduler) Waiting(token string) (where queue.Waiting, ok bool) {
	return s.queue.Waiting(token)
}

// Turn goes through the queue in order and places what fits now; call it after every
// change of the fleet and every minute or so.
func (s *Scheduler) Turn(now time.Time) []queue.Granted {
	s.Expire(now)
	return s.queue.Turn(now, func(req *aim.PlacementRequest) (aim.Decision, bool) {
		s.placer.Uncount(s.fleet.Forget(req))
		if s.queue.Passes(req) {
			s.fleet.Lift()
			defer s.fleet.Restore()
		}
		if req.Succeeds != "" {
			defer s.fleet.WithoutClaim(req, req.Succeeds)()
		}
		run := s.placer.Decide(req)
		if run.Ranks() == 0 {
			return aim.Decision{}, false
		}
		d := run.Explained()
		s.assume(req, run, now)
		return d, true
	})
}

// MakeRoom looks for the plan that makes room on one node for a request that does not
// fit and costs others least; ok is false where there is none, and then the plan says
// at most whose minimum forbids one. Nothing is changed by it.
func (s *Scheduler) MakeRoom(req aim.PlacementRequest, policy preempt.Policy) (plan preempt.Plan, ok bool) {
	if s.queue.Passes(&req) {
		s.fleet.Lift()
		defer s.fleet.Restore()
	}
	return preempt.Search(s.fleet, s.placer, req, policy)
}

// makeRoomFirst is how many of those who wait are looked at for a plan: each look costs
// about as much as a decision that explains itself.
const makeRoomFirst = 16

// MakeRoomForWaiting is MakeRoom for the first in the queue that room can be made for.
// Where there is none, the plan is the first that is only forbidden.
func (s *Scheduler) MakeRoomForWaiting(policy preempt.Policy) (plan preempt.Plan, ok bool) {
	for _, req := range s.queue.First(makeRoomFirst) {
		p, found := s.MakeRoom(req, policy)
		if found {
			return p, true
		}
		if plan.Forbidden == "" {
			plan = p
		}
	}
	return plan, false
}
