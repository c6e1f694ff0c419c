package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// waiter is a request that did not fit when it was last looked at.
type waiter struct {
	request  aim.Request
	decision aim.Decision // of its last turn; zero before the first
	rest     time.Time    // nothing is kept for it before then
}

// Granted is a request that waited, and where it goes now.
type Granted struct {
	Request  aim.Request
	Decision aim.Decision
}

// Waiting is where a request stands in the queue, and why it is there.
type Waiting struct {
	Position int // 1 is next
	Of       int
	Decision aim.Decision // why it did not fit at its last turn
}

// before is the order of turns: higher priority, then the earlier first asking,
// then names, so that two controls agree.
func before(a, b aim.Request) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.AskedAt, b.AskedAt),
		cmp.Compare(a.Deployment, b.Deployment),
		cmp.Compare(a.Ordinal, b.Ordinal),
		cmp.Compare(a.Token, b.Token),
	)
}

// Wait queues the request by its priority and its first time of asking; one
// that was queued before, here or elsewhere, gets its old place back. The same
// token again replaces the request.
func (s *Scheduler) Wait(req aim.Request) {
	next := &waiter{request: req}
	if i := s.indexOf(req.Token); i >= 0 {
		next.decision, next.rest = s.waiting[i].decision, s.waiting[i].rest
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(s.waiting, req, func(w *waiter, r aim.Request) int { return before(w.request, r) })
	s.waiting = slices.Insert(s.waiting, i, next)
}

// Cancel takes a request out of the queue and forgets what was assumed for it.
func (s *Scheduler) Cancel(token string) {
	s.forget(token)
	s.leave(token)
}

// Waiting tells where a request stands; ok is false when it does not wait.
func (s *Scheduler) Waiting(token string) (where Waiting, ok bool) {
	i := s.indexOf(token)
	if i < 0 {
		return Waiting{}, false
	}
	return Waiting{Position: i + 1, Of: len(s.waiting), Decision: s.waiting[i].decision}, true
}

// Turn goes through the queue in order and places what fits now; call it after
// every change of the fleet and every minute or so. A request that still does
// not fit does not hold up those behind it, except on the nodes that are kept
// for it: see keep.
func (s *Scheduler) Turn(now time.Time) []Granted {
	s.Expire(now)
	s.lapse(now)
	var granted []Granted
	failed := map[string]aim.Decision{}
	for _, w := range slices.Clone(s.waiting) {
		// Within one turn room only shrinks: what did not fit a moment ago does
		// not fit a like request either, unless nodes are kept for this one.
		shape := shapeOf(w.request)
		if d, hopeless := failed[shape]; hopeless && !s.keepsFor(w) {
			w.decision = d
			continue
		}
		s.forget(w.request.Token)
		w.decision = s.decide(w.request)
		if w.decision.Outcome == aim.Place {
			s.assume(w.request, w.decision.Placement, now)
			s.leave(w.request.Token)
			granted = append(granted, Granted{Request: w.request, Decision: w.decision})
			continue
		}
		failed[shape] = w.decision
		s.keepNodes(w, now)
	}
	return granted
}

func (s *Scheduler) indexOf(token string) int {
	return slices.IndexFunc(s.waiting, func(w *waiter) bool { return w.request.Token == token })
}

func (s *Scheduler) leave(token string) {
	if i := s.indexOf(token); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	if s.keep != nil && s.keep.token == token {
		s.keep = nil
	}
}

// shapeOf is equal for requests that fit on the same nodes.
func shapeOf(r aim.Request) string {
	return fmt.Sprint(r.GPUs, r.Nodes, r.GPUType, r.VRAMBytes, r.CPUs, r.HostBytes, r.DiskBytes,
		r.Selector, r.Avoid, r.Runtime, r.Model)
}
