package scheduler

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

// index is the fleet prepared for decisions, which cost the same for a hundred
// nodes and for ten thousand:
//
//	chassis  what a node is by nature        (a handful in a fleet)
//	class    chassis and what is free on it  (hundreds)
//	set      the nodes of a class, those with an image, with weights: bits
//	shape    what requests ask for, and what every class is to it
//
// A change of a node moves it from one class to another and nothing else. A
// class is judged for a shape when the two first meet.
type index struct {
	byID     map[string]*member
	order    []*member // by id
	chassis  map[string]*chassis
	kinds    []kind // in order of their first appearance
	everyone set
	models   map[string]*set
	images   map[string]*set
	homes    homes

	book    book
	classes []*class
	counts  []int32 // members of a class, by its id
	lows    []int32 // slot that no member of a class comes before, by its id
	at      []int32 // class of a node, by its slot
	byState map[state]*class
	empty   int      // classes without members
	moves   []move   // of nodes between classes, in order
	era     uint64   // of moves: grows when they start anew
	names   registry // of what requests ask for
	lists   registry // of what nodes have
	shapes  map[shapeKey]*shape
	asked   uint64 // decisions so far

	unsettled bool // the slots or the book have changed: classes are made anew
	outlook   *prospects

	// Kept between calls, so that a decision allocates nothing but its result.
	holes    []hole
	failures []failure
	round    round
}

func newIndex() *index {
	return &index{
		byID: map[string]*member{}, chassis: map[string]*chassis{}, models: map[string]*set{}, images: map[string]*set{},
		homes: homes{chains: map[string]*perch{}}, byState: map[state]*class{}, names: registry{ids: map[string]int32{}}, lists: registry{ids: map[string]int32{}},
		shapes: map[shapeKey]*shape{}, outlook: newProspects(),
	}
}

// apply takes a node's report; move puts the node where it belongs by it. known
// is false for the first one, more is how many claims there are more than before.
func (x *index) apply(n aim.FleetNode) (m *member, known bool, more int) {
	if m, known = x.byID[n.ID]; !known {
		m = x.join(n)
	}
	if made := n.Make(); made != m.made {
		m.made = made
		x.rebuild(m, &n.Node)
		x.relabel(m, n.Labels)
	}
	x.caches(x.models, m, m.node.Models, n.Models)
	x.caches(x.images, m, m.node.Images, n.Images)
	x.perches(m, m.node.Claims, n.Claims)
	more = len(n.Claims) - len(m.node.Claims)
	m.read(n)
	return m, known, more
}

func (x *index) join(n aim.FleetNode) *member {
	m := &member{slot: len(x.order)}
	x.byID[n.ID] = m
	m.node.ID = n.ID
	i, _ := slices.BinarySearchFunc(x.order, n.ID, func(m *member, id string) int { return cmp.Compare(m.node.ID, id) })
	x.order = slices.Insert(x.order, i, m)
	x.unsettled = true
	return m
}

// leave forgets a node. What is assumed there stays with those who assume it.
func (x *index) leave(m *member) {
	x.perches(m, m.node.Claims, nil)
	for _, p := range m.pledged {
		p.perch.m = nil
	}
	m.pledged = nil
	m.chassis.nodes--
	delete(x.byID, m.node.ID)
	x.order = slices.DeleteFunc(x.order, func(o *member) bool { return o == m })
	x.unsettled = true
}

// rebuild finds the chassis of a node, shared with all that are built alike.
func (x *index) rebuild(m *member, n *aim.Node) {
	if m.chassis != nil {
		m.chassis.nodes--
	}
	c := newChassis(n)
	key := c.key()
	if known, ok := x.chassis[key]; ok {
		c = known
	} else {
		c.id = len(x.chassis) + 1
		x.chassis[key] = c
		x.outlook.meet(c)
		for i := range c.pools {
			if !slices.Contains(x.kinds, c.pools[i].kind) {
				x.kinds = append(x.kinds, c.pools[i].kind)
			}
		}
	}
	m.chassis = c
	c.nodes++
	m.ids = make([]string, len(c.order))
	for d, place := range c.order {
		m.ids[d] = n.GPUs[place].ID
	}
}

// caches keeps the sets of nodes by what lies on their disks.
func (x *index) caches(sets map[string]*set, m *member, old, now []string) {
	if slices.Equal(old, now) || x.unsettled {
		return
	}
	for _, name := range old {
		sets[name].remove(m.slot)
	}
	addTo(sets, m, now)
}

func addTo(sets map[string]*set, m *member, names []string) {
	for _, name := range names {
		s, ok := sets[name]
		if !ok {
			s = &set{}
			sets[name] = s
		}
		s.add(m.slot)
	}
}
