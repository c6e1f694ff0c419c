package place

import (
	"slices"

	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// best finds the k best nodes, best first, ties by id. It looks at nodes in
// groups whose members differ in nothing but their class: with the weights and
// the image on them, with one, with none. In each group the order of
// classes is the order of scores, so the first k it meets are its best. The group
// with the most to it comes first: behind it, the others are often over at once.
//
//	order of classes     class 4: 12.1    class 0: 7.3    class 2: -3.0
//	weights and image    n8 37.1          -               -
//	weights              -                n1 27.3         n5 17.0
//	image                n3 17.1: not looked for, as class 4 with the image is less than n8
//
// It is here for speed (place_p50_us); slowBest in the tests is the plain way.
func (v *Run) best(k int) []candidate {
	v.limit, v.found = k, v.found[:0]
	neighbours := v.putAside()
	for with := 3; with >= 0; with-- {
		c := candidate{weights: with&2 != 0, image: with&1 != 0}
		if v.full() && v.class.order[0].score+c.bonus() < v.worst().score {
			continue // the best of the group would not be among the best
		}
		if g, ok := v.group(c.weights, c.image); ok {
			v.walk(&g)
		}
	}
	v.lookAt(neighbours)
	for i := range v.found {
		v.found[i].m = v.p.fleet.At(v.found[i].slot)
	}
	return v.found
}

// group is the nodes with the weights or without, with the image or without.
type group struct {
	weights, image bool
	filter         bitset.Filter
	base           *bitset.Set // of which the filter lets through the nodes of the group
	most           int         // nodes it can have
}

// group tells which nodes belong to one; ok is false when it is empty.
func (v *Run) group(weights, image bool) (g group, ok bool) {
	g = group{weights: weights, image: image, base: v.p.fleet.Everyone(), most: v.p.fleet.Everyone().Size}
	g.filter = bitset.Filter{In: v.ins[:0], Out: v.outs[:0]}
	all := v.p.fleet.Everyone().Size
	ok = g.narrow(v.cached[0], weights, all) && g.narrow(v.cached[1], image, all)
	if v.aside.Size > 0 {
		g.filter.Out = append(g.filter.Out, &v.aside)
	}
	return g, ok && g.most > 0
}

// narrow takes the nodes in or outside of a set, which is nil when it is empty.
func (g *group) narrow(s *bitset.Set, in bool, all int) bool {
	switch {
	case s == nil:
		return !in
	case s.Size == all:
		return in
	case !in:
		g.filter.Out = append(g.filter.Out, s)
		g.most = min(g.most, all-s.Size)
	case s.Size < g.most:
		g.base, g.most = s, s.Size
		fallthrough
	default:
		g.filter.In = append(g.filter.In, s)
	}
	return true
}

// fewNodes is up to how many nodes of a group are looked at one by one.
const fewNodes = 64

// walk offers the nodes of one group.
func (v *Run) walk(g *group) {
	c := candidate{weights: g.weights, image: g.image}
	if g.most <= fewNodes {
		v.walkFew(g, c)
		return
	}
	bonus := c.bonus()
	for _, r := range v.class.order {
		c.score = r.score + bonus
		if v.full() && c.score < v.worst().score {
			return // equal scores are looked at to the end: ties go to the id
		}
		low := v.p.fleet.Low(r.class)
		if v.p.fleet.Counts()[r.class] == 0 || r.short && !c.weights || v.full() && c.score == v.worst().score && low > v.worst().slot {
			continue
		}
		c.rating = v.class.verdicts[r.class].rating
		for slot := v.p.fleet.Next(r.class, low, &g.filter); slot >= 0; slot = v.p.fleet.Next(r.class, slot+1, &g.filter) {
			if c.slot = slot; !v.offer(&c) {
				break // those behind it in the class are worse by their ids
			}
		}
	}
}

// full tells whether there are as many candidates as are asked for, and worst
// is the last of them.
func (v *Run) full() bool        { return len(v.found) == v.limit }
func (v *Run) worst() *candidate { return &v.found[len(v.found)-1] }

// walkFew offers the nodes of a small group one by one.
func (v *Run) walkFew(g *group, c candidate) {
	for slot := g.base.Next(0, &g.filter); slot >= 0; slot = g.base.Next(slot+1, &g.filter) {
		if v.commonAt(slot) == fits {
			c.slot, c.rating = slot, v.class.verdicts[v.p.fleet.ClassAt(slot)].rating
			c.own()
			v.offer(&c)
		}
	}
}

// offer takes a candidate among the best if it is one.
func (v *Run) offer(c *candidate) bool {
	i := len(v.found)
	for i > 0 && c.better(&v.found[i-1]) {
		i--
	}
	if i == v.limit {
		return false
	}
	if v.full() {
		v.found = v.found[:v.limit-1]
	}
	v.found = slices.Insert(v.found, i, *c)
	return true
}

func (c *candidate) better(o *candidate) bool {
	if c.score != o.score {
		return c.score > o.score
	}
	return c.slot < o.slot
}

// putAside marks the nodes that are not like the others of their class: those
// turned away for themselves, those chosen already, and those with replicas of
// the same deployment, which it returns.
func (v *Run) putAside() (neighbours *fleet.ReplicaOn) {
	for i := range v.odd {
		v.aside.Add(v.odd[i].m.Slot())
	}
	neighbours = v.p.fleet.ReplicasOf(&v.request)
	for p := neighbours; p != nil; p = p.Next() {
		if p.Node != nil {
			v.aside.Add(p.Node.Slot())
		}
	}
	for i := range v.chosen {
		v.aside.Add(v.chosen[i].m.Slot())
	}
	return neighbours
}

// lookAt offers the nodes with replicas of the deployment, and empties aside.
// Where enough others are better than any of them could be, only those matter
// that hold an earlier attempt of the same replica, which does not count.
func (v *Run) lookAt(neighbours *fleet.ReplicaOn) {
	for i := range v.odd {
		v.aside.Remove(v.odd[i].m.Slot())
	}
	for i := range v.chosen {
		v.aside.Remove(v.chosen[i].m.Slot())
	}
	hopeless := v.full() && len(v.class.order) > 0 &&
		v.worst().score > v.class.order[0].score+point*(weightWeights+weightImage+weightSpread)
	for p := neighbours; p != nil; p = p.Next() {
		m := p.Node
		if m == nil || !v.aside.Has(m.Slot()) {
			continue // looked at before, odd, or chosen
		}
		if hopeless && p.Ordinal != v.request.Ordinal {
			continue
		}
		v.aside.Remove(m.Slot())
		if v.common(m) == fits {
			c := candidate{
				slot: m.Slot(), rating: v.class.verdicts[m.Class().ID].rating, replicas: m.Replicas(&v.request),
				weights: v.hasWeights(m), image: v.hasImage(m),
			}
			c.own()
			v.offer(&c)
		}
	}
	for p := neighbours; p != nil; p = p.Next() {
		if p.Node != nil {
			v.aside.Remove(p.Node.Slot())
		}
	}
}
