package queue

import (
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// Propose places a request that waits, if it fits now, and counts the placement as
// taken.
type Propose func(req *aim.PlacementRequest) (d aim.Decision, placed bool)

// Turn goes through the queue in order and places what fits now. A request that still
// does not fit holds up nobody behind it, except from what is reserved for it.
//
// Only the first of a line is looked at, and only where a node that has changed since
// the last turn would do for it: for the others nothing has changed. When the first is
// placed, the next of its line is its first, at a later place among the lines, and is
// looked at when its turn comes in this same pass.
func (q *Queue) Turn(now time.Time, propose Propose) []Granted {
	q.lapse(now)
	if len(q.lines) == 0 {
		q.fleet.ForgetChanged()
		return nil
	}
	q.placer.Settle()
	var granted []Granted
	most := q.mostFree()
	for i := 0; i < len(q.lines); {
		l := q.lines[i]
		w := l.waiters[0]
		if !l.fresh && !q.helped(l, most) {
			q.reserve(w, now)
			i++
			continue
		}
		l.fresh = false
		d, placed := propose(&w.request)
		if !placed {
			q.reserve(w, now)
			i++
			continue
		}
		l.fresh = len(l.waiters) > 1 // the next one may fit as well
		q.Leave(w.request.Token)     // its line moves back, or is gone
		granted = append(granted, Granted{Request: w.request, Decision: d})
		most = q.mostFree()
	}
	q.fleet.ForgetChanged()
	return granted
}

// mostFree is the largest number of whole GPUs that are free on a changed node.
func (q *Queue) mostFree() int {
	most := -1
	for _, m := range q.fleet.Changed() {
		most = max(most, freeOn(m))
	}
	return most
}

// freeOn counts the free GPUs of a node, held ones too.
func freeOn(m *fleet.Node) int { return m.Class().Free.Count() + m.Class().Held.Count() }

// helped tells whether a node that has changed would do for the first of a line.
func (q *Queue) helped(l *line, most int) bool {
	if l.need > most {
		return false
	}
	if q.Passes(&l.waiters[0].request) {
		q.fleet.Lift()
		defer q.fleet.Restore()
	}
	for _, m := range q.fleet.Changed() {
		if l.key.Fits(m) {
			return true
		}
	}
	return false
}
