package scheduler

import (
	"time"

	"github.com/aim-engine/aim"
)

// Turn goes through the queue in order and places what fits now; call it after
// every change of the fleet and every minute or so. A request that still does
// not fit does not hold up those behind it, except on the nodes that are kept
// for it: see keep.
//
// Only the first of a line is looked at, and only where a node that has changed
// since the last turn would do for it: ten thousand who wait cost a change no
// more than there are lines.
func (s *Scheduler) Turn(now time.Time) []Granted {
	s.Expire(now)
	s.lapse(now)
	var granted []Granted
	q := &s.queue
	if len(q.lines) > 0 {
		s.x.settle()
	}
	most := s.mostFree()
	for i := 0; i < len(q.lines); {
		l := q.lines[i]
		w := l.waiters[0]
		if !l.fresh && (l.need > most || !s.helped(l)) {
			s.keepNodes(w, now)
			i++
			continue
		}
		l.fresh = false
		s.forget(&w.request)
		v := s.decide(&w.request)
		d := v.decision()
		if d.Outcome != aim.Place {
			s.keepNodes(w, now)
			i++
			continue
		}
		v.explain(&d)
		s.assume(&w.request, v.chosen, d.Placement, now)
		l.fresh = len(l.waiters) > 1 // the next one may fit as well
		s.leave(w.request.Token)     // its line moves back, or is gone
		granted = append(granted, Granted{Request: w.request, Decision: d})
		most = s.mostFree()
	}
	for _, m := range q.touched {
		m.touched = false
	}
	q.touched = q.touched[:0]
	return granted
}

// mostFree is the largest number of whole GPUs that are free on a changed node.
func (s *Scheduler) mostFree() int {
	most := -1
	for _, m := range s.queue.touched {
		if s.x.byID[m.node.ID] == m {
			most = max(most, m.class.free.count())
		}
	}
	return most
}

// helped tells whether a node that has changed would do for the first of a
// line.
func (s *Scheduler) helped(l *line) bool {
	kept := s.keptFrom(&l.waiters[0].request)
	for _, m := range s.queue.touched {
		if s.x.byID[m.node.ID] != m {
			continue // it has left
		}
		if _, taken := kept[m.node.ID]; taken {
			continue
		}
		if s.x.wouldDo(l, m) {
			return true
		}
	}
	return false
}

// wouldDo tells whether a node fits a line's shape.
func (x *index) wouldDo(l *line, m *member) bool {
	d := x.judge(l.shape, m.class.id)
	return d.reason == fits || d.only == ruleDisk && x.models[l.key.model] != nil && x.models[l.key.model].has(m.slot)
}
