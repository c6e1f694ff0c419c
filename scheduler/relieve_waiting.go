package scheduler

// relieveFirst is how many of those who wait are looked at for a plan: each look
// costs about as much as a decision that explains itself.
const relieveFirst = 16

// RelieveWaiting is Relieve for the first in the queue that room can be made for.
func (s *Scheduler) RelieveWaiting(relief Relief) (plan Plan, ok bool) {
	for _, w := range s.queue.all[:min(len(s.queue.all), relieveFirst)] {
		if plan, ok = s.Relieve(w.request, relief); ok {
			return plan, true
		}
	}
	return Plan{}, false
}
