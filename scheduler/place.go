package scheduler

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

// Place decides where the request goes on this fleet: a placement with exact
// GPUs, Wait with every reason why not now, or Impossible when too few nodes
// could hold it even with nothing else on them. What may pass counts as
// waiting: a node that is cordoned, silent, away or lost, a GPU that is in use,
// unhealthy or quarantined. A fleet without nodes is waited for as well.
//
// The same request and fleet give the same decision, in whatever order the
// fleet lists its nodes.
func Place(req aim.Request, fleet aim.Fleet) aim.Decision {
	return decide(newWish(req), viewsOf(fleet))
}

// wish is a request with its zero values filled in, and what is known besides.
type wish struct {
	aim.Request
	kind *kind             // GPUs of this kind only; nil = any that fits
	kept map[string]string // node id -> replica that the node is being kept for
}

func newWish(req aim.Request) wish {
	req.GPUs = max(req.GPUs, 1)
	req.Nodes = max(req.Nodes, 1)
	return wish{Request: req}
}

// decide is Place over prepared views, which are in order of node id.
func decide(w wish, views []*view) aim.Decision {
	if w.Nodes > 1 {
		return decideGang(w, views)
	}
	all := assessAll(w, views)
	ranked := rank(w, candidates(all), 0)
	if len(ranked) == 0 {
		return explainNone(w, all)
	}
	return explainPlaced(w, all, ranked, 1)
}

// assessment is what one node is to a wish.
type assessment struct {
	view     *view
	offer    offer
	failures []failure // empty: the node fits
}

func assessAll(w wish, views []*view) []assessment {
	all := make([]assessment, len(views))
	for i, v := range views {
		all[i] = assess(w, v)
	}
	return all
}

func assess(w wish, v *view) assessment {
	a := assessment{view: v, offer: v.offer(w)}
	for i := range rules {
		if text, lasting := rules[i].check(w, v, a.offer); text != "" {
			a.failures = append(a.failures, failure{rule: i, text: text, lasting: lasting})
		}
	}
	return a
}

// fits tells whether the node passed every rule.
func (a assessment) fits() bool { return len(a.failures) == 0 }

// never tells whether the node could not hold the wish even when empty.
func (a assessment) never() bool {
	return slices.ContainsFunc(a.failures, func(f failure) bool { return f.lasting })
}

func candidates(all []assessment) []assessment {
	var fit []assessment
	for _, a := range all {
		if a.fits() {
			fit = append(fit, a)
		}
	}
	return fit
}

// scored is a candidate with the GPUs it would give and what that is worth.
type scored struct {
	assessment
	choice choice
	score  aim.NodeScore
}

// rank chooses GPUs on every candidate and orders them, best first, ties by
// node id. rails are the GPU positions that other ranks of a gang use, 0 = none.
func rank(w wish, fit []assessment, rails uint64) []scored {
	ranked := make([]scored, len(fit))
	for i, a := range fit {
		c := choose(a.offer.pool, w.GPUs, w.VRAMBytes, rails)
		ranked[i] = scored{assessment: a, choice: c, score: scoreOf(w, a, c)}
	}
	slices.SortFunc(ranked, func(a, b scored) int {
		return cmp.Or(
			cmp.Compare(b.score.Score, a.score.Score),
			cmp.Compare(a.view.node.ID, b.view.node.ID),
		)
	})
	return ranked
}
