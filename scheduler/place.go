package scheduler

import (
	"github.com/aim-engine/aim"
)

// Place decides where the request goes on this fleet: a placement with exact
// GPUs, Wait with every reason why not now, or Impossible when too few nodes
// could hold it even with nothing else on them. What may pass counts as
// waiting: a node that is cordoned, silent, away or lost, a GPU that is in use,
// unhealthy or quarantined. A fleet without nodes is waited for as well.
//
// The same request and fleet give the same decision, in whatever order the
// fleet lists its nodes. Preparing the fleet takes some microseconds a node;
// who decides often keeps a Scheduler.
func Place(req aim.Request, fleet aim.Fleet) aim.Decision {
	x := newIndex()
	for i := range fleet.Nodes {
		x.apply(fleet.Nodes[i])
	}
	d, _ := x.decide(&wish{Request: &req})
	return d
}

// decide is one decision; chosen are the nodes of the placement, if there is one.
func (x *index) decide(w *wish) (d aim.Decision, chosen []candidate) {
	if w.Nodes > 1 {
		return x.decideGang(w)
	}
	v := x.begin(w, 0)
	if v.fit() == 0 {
		return v.explainNone(1), nil
	}
	best := v.best(1 + maxScores)
	return v.explainPlaced(best, 1), best[:1]
}
