package fleet

import (
	"math"
	"slices"

	"github.com/aim-engine/aim/scheduler/bitset"
)

// classIndex is who is in which class, and the changes between classes in order, so
// that those who count nodes by class need not look at all of them again.
//
// It is arrays by class and by slot beside the objects themselves, for speed alone: a
// decision reads two or three of these numbers for each of a few hundred classes,
// and ten thousand nodes do not fit into a processor's cache (place_p99_us).
type classIndex struct {
	classes    []*Class
	counts     []int32 // nodes of a class, by its ID
	lows       []int32 // slot that no node of a class comes before, by its ID
	at         []int32 // class of a node, by its slot
	byCapacity map[capacity]*Class
	empty      int // classes without nodes
	lists      numbering
	rooms      []Room // scratch of capacityOf

	changes    []Change
	generation uint64 // of the changes: grows when they start anew
	moved      uint64 // nodes that have changed their class, ever
	unsettled  bool   // slots or discriminators have changed: see Settle
}

func newClassIndex() classIndex {
	return classIndex{byCapacity: map[capacity]*Class{}, lists: numbering{ids: map[string]int32{}}}
}

// Change is a node's way from one class, -1 for none, to another.
type Change struct{ From, To int32 }

// maxChanges is how many changes are kept for others to follow. Half a minute of a
// busy fleet; who has not looked for longer looks at all classes.
const maxChanges = 8192

// Reclassify puts a node into the class it belongs to now.
func (f *Fleet) Reclassify(m *Node) {
	if f.unsettled {
		return // Settle puts all in their place
	}
	if m.collected != nil && !f.reservation.lifted {
		m.collect()
	}
	f.place(m)
}

// place is Reclassify without a look at what has become free.
func (f *Fleet) place(m *Node) {
	if f.unsettled {
		return
	}
	st, _ := f.capacityOf(m)
	c, ok := f.byCapacity[st]
	if !ok {
		c = f.newClass(m)
		f.classes = append(f.classes, c)
		f.counts = append(f.counts, 0)
		f.lows = append(f.lows, math.MaxInt32)
		f.byCapacity[st] = c
		f.empty++
	}
	if c == m.class {
		return
	}
	f.moved++
	f.note(Change{From: f.quit(m), To: int32(c.ID)})
	m.class = c
	c.members.Add(m.slot)
	f.at[m.slot] = int32(c.ID)
	f.lows[c.ID] = min(f.lows[c.ID], int32(m.slot))
	if f.counts[c.ID]++; f.counts[c.ID] == 1 {
		f.empty--
	}
}

func (f *Fleet) note(c Change) {
	if len(f.changes) == maxChanges {
		f.changes = f.changes[:0]
		f.generation++
	}
	f.changes = append(f.changes, c)
}

func (f *Fleet) quit(m *Node) (from int32) {
	if m.class == nil {
		return -1
	}
	m.class.members.Remove(m.slot)
	if f.counts[m.class.ID]--; f.counts[m.class.ID] == 0 {
		f.lows[m.class.ID] = math.MaxInt32
		f.empty++
	}
	return int32(m.class.ID)
}

// spareClasses is how many classes may be empty before they are cleared away:
// capacities come back, so what is known about them is worth keeping for a while.
const spareClasses = 1024

// Settle brings the index up to date before a decision: after nodes have come or
// gone, after a request has asked for something new, and when too many classes
// have no nodes any more. Slots and classes of before hold no longer then; anew
// tells so.
func (f *Fleet) Settle() (anew bool) {
	if !f.unsettled && f.empty <= spareClasses+(len(f.classes)-f.empty) {
		return false
	}
	f.unsettled = false
	f.classes, f.counts, f.lows, f.empty = f.classes[:0], f.counts[:0], f.lows[:0], 0
	f.at = slices.Grow(f.at[:0], len(f.order))[:len(f.order)]
	f.changes = f.changes[:0]
	f.generation++
	clear(f.byCapacity)
	clear(f.lists.ids)
	clear(f.models)
	clear(f.images)
	f.everyone.Clear()
	for i, m := range f.order {
		m.slot, m.class = i, nil
		m.relabel(f, m.report.Labels)
		f.everyone.Add(i)
		addTo(f.models, m, m.report.Models)
		addTo(f.images, m, m.report.Images)
		f.Reclassify(m)
	}
	return true
}

// Generation grows when Settle has made all classes anew, or when there were too
// many changes to keep.
func (f *Fleet) Generation() uint64 { return f.generation }

// Changes is what has changed since the generation began, in order.
func (f *Fleet) Changes() []Change { return f.changes }

// Moved counts the nodes that have changed their class, ever.
func (f *Fleet) Moved() uint64 { return f.moved }

// Classes is how many classes there are, with nodes and without.
func (f *Fleet) Classes() int { return len(f.classes) }

// Class is one of them.
func (f *Fleet) Class(id int) *Class { return f.classes[id] }

// Counts is the number of nodes of every class, by its ID.
func (f *Fleet) Counts() []int32 { return f.counts }

// ClassAt is the ID of the class of the node in a slot.
func (f *Fleet) ClassAt(slot int) int32 { return f.at[slot] }

// Low is a slot that no node of a class comes before.
func (f *Fleet) Low(class int32) int { return int(f.lows[class]) }

// Next is the first node of a class from the slot on that the filter lets through,
// -1 where there is none.
func (f *Fleet) Next(class int32, from int, filter *bitset.Filter) int {
	slot := f.classes[class].members.Next(from, filter)
	if from == int(f.lows[class]) && slot > from && filter.Open() {
		f.lows[class] = int32(slot)
	}
	return slot
}

// CountIn counts the nodes of a class in a set of slots.
func (f *Fleet) CountIn(class int32, set *bitset.Set) int {
	return f.classes[class].members.Shared(set)
}
