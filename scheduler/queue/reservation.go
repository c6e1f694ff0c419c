package queue

import (
	"time"

	"github.com/aim-engine/aim"
)

// A reservation keeps a large request from starving behind small ones. The nodes that
// come nearest to having room for it collect what becomes free on them; what is idle
// there stays open to everybody, as it is of no use to the large one yet (backfill).
// Elsewhere the small ones go ahead in any case.
//
//	n1 aaaa|aaa.   large/0 waits for 8 GPUs, and n1 is reserved
//	n1 aaaa|aaas   small/0 comes: GPU 7 is idle, it may have it
//	n1 ..aa|aaas   two of a end: held. tiny/0 waits, though two GPUs are free
//	n1 ....|....   all others end: large/0 has its turn
//
// Servers have no end time to plan with, so what this may leave idle is bounded
// instead, and grows with age:
//
//	one request at a time, as many nodes as it has ranks
//	window    10 min   10 min   20 min   20 min   40 min   40 min  ... 160 min
//	          reserved rest     reserved rest     reserved rest
//
// In a rest all that was held is open again, and the next in order that does not fit
// has its first window. So held GPUs are idle at most half of the time, and a request
// that has waited for hours collects for hours. A request that comes first in the
// order is never held up by a later one's reservation.

// maxDoubled is how often the window of a request may have doubled.
const maxDoubled = 4

// Passes tells whether a request may have what is held by the reservation: it is its
// own, or it comes first.
func (q *Queue) Passes(req *aim.PlacementRequest) bool {
	return q.reserved != nil && (q.reserved.request.Token == req.Token || before(req, &q.reserved.request) < 0)
}

// window is how long the next reservation of a request lasts.
func (q *Queue) window(w *waiter) time.Duration {
	return q.reserveFor << min(w.windows, maxDoubled)
}

// lapse ends a reservation whose time is over. Its owner rests as long as it lasted.
func (q *Queue) lapse(now time.Time) {
	if q.reserved == nil || now.Before(q.until) {
		return
	}
	w := q.reserved
	w.rest = now.Add(q.window(w))
	w.windows++
	q.release()
}

// release opens what was held to all who wait.
func (q *Queue) release() {
	q.reserved = nil
	q.fleet.Release()
}

// reserve begins a reservation for a request that does not fit, if there is none and
// it is not resting. Nodes that are reserved for it already stay so as long as they
// can become what it needs: others may look nearer, but what was collected would be
// lost.
func (q *Queue) reserve(w *waiter, now time.Time) {
	mine := q.reserved == w
	switch {
	case mine && q.stands():
		return
	case !mine && (q.reserved != nil || now.Before(w.rest)):
		return
	case mine:
		q.fleet.Release()
	}
	nodes := q.placer.Nearest(&w.request)
	if len(nodes) == 0 {
		q.reserved = nil
		return
	}
	q.fleet.Reserve(aim.Identity{Deployment: w.request.Deployment, Ordinal: w.request.Ordinal}.ReplicaName(), nodes)
	if !mine {
		q.reserved, q.until = w, now.Add(q.window(w))
	}
}

// stands tells whether the reserved nodes are all there and lack nothing but room.
func (q *Queue) stands() bool {
	nodes := q.fleet.Reserved()
	for _, m := range nodes {
		if !q.reserved.line.key.HasRoom(m) {
			return false
		}
	}
	return len(nodes) > 0
}
