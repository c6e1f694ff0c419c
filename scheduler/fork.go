package scheduler

import (
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/queue"
)

// Fork is a scheduler that stands where this one stands: the same nodes, what is
// assumed on them as claims, those who wait in their order, what is reserved, and
// what has been learnt. What happens to it does not happen to this one: it is for
// those who ask what would be. It costs as much as hearing of every node.
func (s *Scheduler) Fork() *Scheduler {
	f := New(s.opts)
	for _, n := range s.Snapshot().Nodes {
		f.Apply(n)
	}
	f.placer.Inherit(s.placer)
	f.queue.Inherit(s.queue)
	f.fleet.ForgetChanged() // all of it is no news
	return f
}

// Queue puts a request among those who wait that has no place now, gives all of them
// their turn, and tells where it stands then, and why.
func (s *Scheduler) Queue(req aim.PlacementRequest, now time.Time) queue.Waiting {
	s.Wait(req)
	s.Turn(now)
	where, _ := s.Waiting(req.Token)
	return where
}
