package scheduler

import (
	"slices"

	"github.com/aim-engine/aim"
)

// maxShapes bounds what is remembered. A fleet sees as many shapes as it has
// rungs in use; a replay of a trace some hundreds.
const maxShapes = 1024

// shapeOf finds the shape of a request, on one kind of GPU or on any.
func (x *index) shapeOf(r *aim.Request, k int32) *shape {
	key := x.names.keyOf(r)
	key.kind = k
	x.asked++
	s, ok := x.shapes[key]
	if !ok {
		s = x.newShape(key, r)
	}
	s.used = x.asked
	x.settle()
	x.catchUp(s)
	return s
}

func (x *index) newShape(key shapeKey, r *aim.Request) *shape {
	if len(x.shapes) >= maxShapes {
		x.dropShapes()
	}
	var k *kind
	if key.kind > 0 {
		k = &x.kinds[key.kind-1]
	}
	s := newShape(key, r, k)
	if x.book.note(s) {
		x.unsettled = true // what nodes are to the book has changed
	}
	s.forget(&x.book)
	x.shapes[key] = s
	return s
}

// dropShapes forgets the half that nobody has asked for the longest, and what
// only they have asked for.
func (x *index) dropShapes() {
	var ages []uint64
	for _, s := range x.shapes {
		ages = append(ages, s.used)
	}
	slices.Sort(ages)
	x.book = book{}
	for key, s := range x.shapes {
		if s.used < ages[len(ages)/2] && s.pins == 0 {
			delete(x.shapes, key)
			continue
		}
		x.book.note(s)
	}
	x.unsettled = true
}

// catchUp counts the nodes by what they are to the shape as of now. It follows
// the moves since the shape was last asked for, and looks at all classes where
// that is shorter, or when there are new prices.
func (x *index) catchUp(s *shape) {
	x.outlook.refresh(x)
	if s.era != x.era || s.prices != x.outlook.round || len(x.moves)-s.seen > len(x.classes) {
		x.lookAtAll(s)
		return
	}
	for _, m := range x.moves[s.seen:] {
		if !s.knows(m.to) {
			if v := x.judge(s, int(m.to)); v.rating != nil {
				s.rank(v.rank(m.to))
			}
		}
		s.count(s.verdicts[m.to].reason, 1)
		s.count(s.verdicts[m.from].reason, -1)
	}
	s.seen = len(x.moves)
}

// lookAtAll counts the nodes and orders the classes anew.
func (x *index) lookAtAll(s *shape) {
	s.order, s.seen, s.era, s.prices = s.order[:0], len(x.moves), x.era, x.outlook.round
	clear(s.counts)
	for i := range s.verdicts {
		s.verdicts[i].ranked = false
	}
	for id, n := range x.counts {
		if n == 0 {
			continue
		}
		v := x.judge(s, id)
		s.count(v.reason, n)
		if v.rating != nil {
			s.order = append(s.order, v.rank(int32(id)))
		}
	}
	slices.SortFunc(s.order, ranked.compare)
}
