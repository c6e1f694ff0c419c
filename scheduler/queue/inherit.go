package queue

// Inherit takes over who waits in another queue, in their order, and who has the
// reservation there. The fleets must have the same nodes.
func (q *Queue) Inherit(from *Queue) {
	for _, w := range from.all {
		q.Add(w.request)
		mine := q.byToken[w.request.Token]
		mine.windows, mine.rest, mine.line.fresh = w.windows, w.rest, w.line.fresh
		if from.reserved == w {
			q.reserved, q.until = mine, from.until
		}
	}
	q.fleet.ReserveLike(from.fleet)
}
