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
	nodes   map[string]string // id -> the replica that it is kept for
	until   time.Time
}

// keptFrom returns the nodes that this request must leave alone, and for whom.
func (s *Scheduler) keptFrom(req *aim.Request) map[string]string {
	if s.keep == nil || s.keep.request.Token == req.Token || before(req, &s.keep.request) < 0 {
		return nil
	}
	return s.keep.nodes
}

func (s *Scheduler) keepsFor(w *waiter) bool {
	return s.keep != nil && s.keep.request.Token == w.request.Token
}

// lapse ends a keep whose time is over.
func (s *Scheduler) lapse(now time.Time) {
	if s.keep == nil || now.Before(s.keep.until) {
		return
	}
	if w, ok := s.queue.byToken[s.keep.request.Token]; ok {
		w.rest = now.Add(s.opts.KeepFor)
	}
	s.release()
}

// release opens the nodes that were kept to all who wait.
func (s *Scheduler) release() {
	for id := range s.keep.nodes {
		if m := s.x.byID[id]; m != nil {
			s.touch(m)
		}
	}
	s.keep = nil
	s.epoch++
}

// keepNodes keeps nodes for a request that does not fit, if nothing is kept yet
// and it is not resting. Nodes that are kept for it already are looked at again:
// another may be nearer by now.
func (s *Scheduler) keepNodes(w *waiter, now time.Time) {
	mine := s.keepsFor(w)
	if !mine && (s.keep != nil || now.Before(w.rest)) {
		return
	}
	var current map[string]string
	until := now.Add(s.opts.KeepFor)
	if mine {
		current, until = s.keep.nodes, s.keep.until
	}
	nodes := s.nearest(&w.request, current)
	if mine && len(nodes) > 0 && sameNodes(nodes, current) {
		return
	}
	if mine {
		s.release()
	}
	if len(nodes) == 0 {
		return
	}
	who := aim.Identity{Deployment: w.request.Deployment, Ordinal: w.request.Ordinal}.ReplicaName()
	s.keep = &keep{request: w.request, nodes: map[string]string{}, until: until}
	for _, n := range nodes {
		s.keep.nodes[n.m.node.ID] = who
	}
	s.epoch++
}

func sameNodes(nodes []near, kept map[string]string) bool {
	return len(nodes) == len(kept) && !slices.ContainsFunc(nodes, func(n near) bool { return kept[n.m.node.ID] == "" })
}

// near is a node that fits, or would if others left it.
type near struct {
	m     *member
	free  int // GPUs that would serve
	other int // 0 for a node that is kept already
}

// nearest picks as many nodes of one kind as the request has ranks, those that
// lack the fewest free GPUs; ties go to those kept already, then by id. nil
// when too few nodes lack nothing but room.
func (s *Scheduler) nearest(req *aim.Request, current map[string]string) []near {
	var best []near
	most := 0
	kinds := []int32{0}
	if req.Nodes > 1 {
		kinds = s.x.kindsFor(req)
	}
	for _, k := range kinds {
		v := s.x.begin(req, nil, k)
		all := v.nearNodes(current, v.ranks)
		free := 0
		for _, n := range all {
			free += n.free
		}
		if len(all) == v.ranks && (best == nil || free > most) {
			best, most = all, free
		}
	}
	return best
}

// nearNodes lists the n nearest nodes.
func (v *round) nearNodes(current map[string]string, n int) []near {
	var found []near
	for id, members := range v.x.counts {
		if members == 0 {
			continue
		}
		if d := &v.s.verdicts[id]; d.room {
			found = v.firstOf(v.x.classes[id], int(d.free), n, found)
		}
	}
	for id := range current { // they come before others that lack as many
		m := v.x.byID[id]
		if m == nil {
			continue
		}
		if d := &v.s.verdicts[m.class.id]; d.room && v.request.Avoid[id] == "" {
			found = slices.DeleteFunc(found, func(o near) bool { return o.m == m })
			found = append(found, near{m: m, free: int(d.free)})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(b.free, a.free), cmp.Compare(a.other, b.other), cmp.Compare(a.m.slot, b.m.slot))
	})
	return found[:min(n, len(found))]
}

// firstOf adds the first n nodes of a class.
func (v *round) firstOf(c *class, free, n int, found []near) []near {
	f := sieve{}
	for slot := c.members.next(0, &f); slot >= 0 && n > 0; slot = c.members.next(slot+1, &f) {
		if m := v.x.order[slot]; v.request.Avoid[m.node.ID] == "" {
			found = append(found, near{m: m, free: free, other: 1})
			n--
		}
	}
	return found
}
