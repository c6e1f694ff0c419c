package scheduler

import (
	"math"
	"slices"
)

// move is a node's way from one class, -1 for none, to another.
type move struct{ from, to int32 }

// maxMoves is how many moves are kept for the shapes to follow. Half a minute of
// a busy fleet; a shape that nobody asks for looks at all classes when it is
// asked for again.
const maxMoves = 8192

// move puts a member into the class it belongs to now.
func (x *index) move(m *member) {
	if x.unsettled {
		return // all are put in their place by settle
	}
	st := x.stateOf(m)
	c, ok := x.byState[st]
	if !ok {
		c = x.newClass(m)
		x.classes = append(x.classes, c)
		x.counts = append(x.counts, 0)
		x.lows = append(x.lows, math.MaxInt32)
		x.byState[st] = c
		x.empty++
	}
	if c == m.class {
		return
	}
	x.outlook.changes++
	x.note(move{from: x.quit(m), to: int32(c.id)})
	m.class = c
	c.members.add(m.slot)
	x.at[m.slot] = int32(c.id)
	x.lows[c.id] = min(x.lows[c.id], int32(m.slot))
	if x.counts[c.id]++; x.counts[c.id] == 1 {
		x.empty--
	}
}

func (x *index) note(m move) {
	if len(x.moves) == maxMoves {
		x.moves = x.moves[:0]
		x.era++
	}
	x.moves = append(x.moves, m)
}

func (x *index) quit(m *member) (from int32) {
	if m.class == nil {
		return -1
	}
	m.class.members.remove(m.slot)
	if x.counts[m.class.id]--; x.counts[m.class.id] == 0 {
		x.lows[m.class.id] = math.MaxInt32
		x.empty++
	}
	return int32(m.class.id)
}

// spareClasses is how many classes may be empty before they are cleared away:
// states come back, so what is known about them is worth keeping for a while.
const spareClasses = 1024

// settle brings the index up to date before a decision: after nodes have come
// or gone, after a request has asked for something new, and when too many
// classes have no members any more.
func (x *index) settle() {
	if !x.unsettled && x.empty <= spareClasses+(len(x.classes)-x.empty) {
		return
	}
	x.unsettled = false
	x.classes, x.counts, x.lows, x.empty = x.classes[:0], x.counts[:0], x.lows[:0], 0
	x.at = slices.Grow(x.at[:0], len(x.order))[:len(x.order)]
	x.moves = x.moves[:0]
	x.era++
	clear(x.byState)
	clear(x.lists.ids)
	clear(x.models)
	clear(x.images)
	x.everyone.clear()
	for _, s := range x.shapes {
		s.forget(&x.book)
	}
	for i, m := range x.order {
		m.slot, m.class = i, nil
		x.relabel(m, m.node.Labels)
		x.everyone.add(i)
		addTo(x.models, m, m.node.Models)
		addTo(x.images, m, m.node.Images)
		x.move(m)
	}
}
