package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// keep is what keeps a large request from starving behind small ones: the nodes
// nearest to having room for it take nobody who comes after it, so that what is
// given back there adds up. Everywhere else the small ones go ahead.
//
// Servers have no end time to plan with, so the idle room this costs is bounded
// instead: nodes are kept for one request at a time, as many as it has ranks,
// for KeepFor. Then the next one in order that does not fit has its KeepFor,
// and the first may be kept for again after it has rested as long. A request
// that comes first in the order is never held up by a later one's nodes.
type keep struct {
	request aim.Request
	token   string
	nodes   []string
	until   time.Time
}

// keptFrom returns the nodes that this request must leave alone, and for whom.
func (s *Scheduler) keptFrom(req aim.Request) map[string]string {
	if s.keep == nil || s.keep.token == req.Token || before(req, s.keep.request) < 0 {
		return nil
	}
	kept := map[string]string{}
	for _, id := range s.keep.nodes {
		kept[id] = aim.Identity{Deployment: s.keep.request.Deployment, Ordinal: s.keep.request.Ordinal}.ReplicaName()
	}
	return kept
}

func (s *Scheduler) keepsFor(w *waiter) bool {
	return s.keep != nil && s.keep.token == w.request.Token
}

// lapse ends a keep whose time is over.
func (s *Scheduler) lapse(now time.Time) {
	if s.keep == nil || now.Before(s.keep.until) {
		return
	}
	if i := s.indexOf(s.keep.token); i >= 0 {
		s.waiting[i].rest = now.Add(s.opts.KeepFor)
	}
	s.keep = nil
}

// keepNodes keeps nodes for a request that has just been found not to fit, if
// nothing is kept yet and it is not resting. Nodes that are kept for it already
// are looked at again: another may be nearer by now.
func (s *Scheduler) keepNodes(w *waiter, now time.Time) {
	mine := s.keepsFor(w)
	if !mine && (s.keep != nil || now.Before(w.rest)) {
		return
	}
	var current []string
	until := now.Add(s.opts.KeepFor)
	if mine {
		current, until = s.keep.nodes, s.keep.until
		s.keep = nil
	}
	if nodes := s.nearest(w.request, current); len(nodes) > 0 {
		s.keep = &keep{request: w.request, token: w.request.Token, nodes: nodes, until: until}
	}
}

// nearest picks as many nodes of one kind as the request has ranks, those that
// lack the fewest free GPUs; ties go to those kept already, then by id. nil
// when too few nodes lack nothing but room.
func (s *Scheduler) nearest(req aim.Request, current []string) []string {
	w := newWish(req)
	views := s.views()
	kinds := kindsOf(w, views)
	var best []assessment
	for i := range kinds {
		w.kind = &kinds[i]
		near := onlyRoom(assessAll(w, views))
		slices.SortFunc(near, func(a, b assessment) int {
			return cmp.Or(
				cmp.Compare(b.offer.free, a.offer.free),
				cmp.Compare(absent(current, a), absent(current, b)),
				cmp.Compare(a.view.node.ID, b.view.node.ID),
			)
		})
		if len(near) < w.Nodes {
			continue
		}
		if near = near[:w.Nodes]; best == nil || freeIn(near) > freeIn(best) {
			best = near
		}
	}
	var ids []string
	for _, a := range best {
		ids = append(ids, a.view.node.ID)
	}
	return ids
}

// onlyRoom keeps the nodes that fit, or would if others left them.
func onlyRoom(all []assessment) []assessment {
	return slices.DeleteFunc(all, func(a assessment) bool {
		return slices.ContainsFunc(a.failures, func(f failure) bool {
			return f.lasting || !slices.Contains(roomRules, rules[f.rule].name)
		})
	})
}

func absent(ids []string, a assessment) int {
	if slices.Contains(ids, a.view.node.ID) {
		return 0
	}
	return 1
}

func freeIn(near []assessment) int {
	sum := 0
	for _, a := range near {
		sum += a.offer.free
	}
	return sum
}
