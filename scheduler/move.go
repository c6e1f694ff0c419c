package scheduler

import (
	"math"
	"slices"
)

// move puts a member into the class it belongs to now.
func (x *index) move(m *member) {
	if x.unsettled {
		return // all are put in their place by settle
	}
	x.book.classify(m, &x.scratch)
	x.key = x.scratch.key(x.key[:0])
	c, ok := x.byKey[string(x.key)]
	if !ok {
		c = x.scratch.keep(len(x.classes))
		x.classes = append(x.classes, c)
		x.counts = append(x.counts, 0)
		x.lows = append(x.lows, math.MaxInt32)
		x.byKey[string(x.key)] = c
		x.empty++
	}
	if c == m.class {
		return
	}
	x.outlook.changes++
	x.quit(m)
	m.class = c
	c.members.add(m.slot)
	x.at[m.slot] = int32(c.id)
	x.lows[c.id] = min(x.lows[c.id], int32(m.slot))
	if x.counts[c.id]++; x.counts[c.id] == 1 {
		x.empty--
		x.fill(c)
	}
}

// fill notes that a class has members now, for the shapes to look at it. The
// notes start anew before they are longer than it is to look at all.
func (x *index) fill(c *class) {
	if len(x.filled) > spareClasses+len(x.classes) {
		x.filled = x.filled[:0]
		x.era++
	}
	x.filled = append(x.filled, int32(c.id))
}

func (x *index) quit(m *member) {
	if m.class == nil {
		return
	}
	m.class.members.remove(m.slot)
	if x.counts[m.class.id]--; x.counts[m.class.id] == 0 {
		x.lows[m.class.id] = math.MaxInt32
		x.empty++
	}
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
	x.filled = x.filled[:0]
	x.era++
	clear(x.byKey)
	clear(x.models)
	clear(x.images)
	x.everyone.clear()
	for _, s := range x.shapes {
		s.forget(&x.book)
	}
	for i, m := range x.order {
		m.slot, m.class = i, nil
		x.everyone.add(i)
		addTo(x.models, m, m.node.Models)
		addTo(x.images, m, m.node.Images)
		x.move(m)
	}
}
