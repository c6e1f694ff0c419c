package scheduler

import "slices"

// best finds the k best nodes, best first, ties by id. It looks at nodes in
// groups whose members differ in nothing but their class: with the weights and
// the image on them, with one, with none. In each group the shape's order of
// classes is the order of scores, so the first k it meets are its best. The group
// with the most to it comes first: behind it, the others are often over at once.
func (v *round) best(k int) []candidate {
	v.limit, v.found = k, v.found[:0]
	neighbours := v.putAside()
	for with := 3; with >= 0; with-- {
		c := candidate{weights: with&2 != 0, image: with&1 != 0}
		if v.full() && v.s.order[0].score+c.bonus() < v.worst().score {
			continue // the best of the group would not be among the best
		}
		if g, ok := v.group(c.weights, c.image); ok {
			v.walk(&g)
		}
	}
	v.lookAt(neighbours)
	for i := range v.found {
		v.found[i].m = v.x.order[v.found[i].slot]
	}
	return v.found
}

// group is the nodes with the weights or without, with the image or without.
type group struct {
	weights, image bool
	sieve          sieve
	base           *set // of which the sieve lets through the nodes of the group
	most           int  // nodes it can have
}

// group tells which nodes belong to one; ok is false when it is empty.
func (v *round) group(weights, image bool) (g group, ok bool) {
	g = group{weights: weights, image: image, base: &v.x.everyone, most: v.x.everyone.size}
	g.sieve = sieve{in: v.ins[:0], out: v.outs[:0]}
	all := v.x.everyone.size
	ok = g.narrow(v.cached[0], weights, all) && g.narrow(v.cached[1], image, all)
	if v.aside.size > 0 {
		g.sieve.out = append(g.sieve.out, &v.aside)
	}
	return g, ok && g.most > 0
}

// narrow takes the nodes in or outside of a set, which is nil when it is empty.
func (g *group) narrow(s *set, in bool, all int) bool {
	switch {
	case s == nil:
		return !in
	case s.size == all:
		return in
	case !in:
		g.sieve.out = append(g.sieve.out, s)
		g.most = min(g.most, all-s.size)
	case s.size < g.most:
		g.base, g.most = s, s.size
		fallthrough
	default:
		g.sieve.in = append(g.sieve.in, s)
	}
	return true
}

// fewNodes is up to how many nodes of a group are looked at one by one.
const fewNodes = 64

// walk offers the nodes of one group.
func (v *round) walk(g *group) {
	c := candidate{weights: g.weights, image: g.image}
	if g.most <= fewNodes {
		v.walkFew(g, c)
		return
	}
	bonus := c.bonus()
	for _, r := range v.s.order {
		c.score = r.score + bonus
		if v.full() && c.score < v.worst().score {
			return // equal scores are looked at to the end: ties go to the id
		}
		low := int(v.x.lows[r.class])
		if v.x.counts[r.class] == 0 || r.short && !c.weights || v.full() && c.score == v.worst().score && low > v.worst().slot {
			continue
		}
		members := &v.x.classes[r.class].members
		c.rating = v.s.verdicts[r.class].rating
		slot := members.next(low, &g.sieve)
		if slot > low && g.sieve.open() {
			v.x.lows[r.class] = int32(slot)
		}
		for ; slot >= 0; slot = members.next(slot+1, &g.sieve) {
			if c.slot = slot; !v.offer(&c) {
				break // those behind it in the class are worse by their ids
			}
		}
	}
}

// full tells whether there are as many candidates as are asked for, and worst
// is the last of them.
func (v *round) full() bool        { return len(v.found) == v.limit }
func (v *round) worst() *candidate { return &v.found[len(v.found)-1] }

// walkFew offers the nodes of a small group one by one.
func (v *round) walkFew(g *group, c candidate) {
	for slot := g.base.next(0, &g.sieve); slot >= 0; slot = g.base.next(slot+1, &g.sieve) {
		if v.commonAt(slot) == fits {
			c.slot, c.rating = slot, v.s.verdicts[v.x.at[slot]].rating
			c.own()
			v.offer(&c)
		}
	}
}

// offer takes a candidate among the best if it is one.
func (v *round) offer(c *candidate) bool {
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
func (v *round) putAside() (neighbours *perch) {
	for i := range v.odd {
		v.aside.add(v.odd[i].m.slot)
	}
	neighbours = v.x.perchOf(&v.request)
	for p := neighbours; p != nil; p = p.after() {
		if p.m != nil {
			v.aside.add(p.m.slot)
		}
	}
	for i := range v.chosen {
		v.aside.add(v.chosen[i].m.slot)
	}
	return neighbours
}

// lookAt offers the nodes with replicas of the deployment, and empties aside.
// Where enough others are better than any of them could be, only those matter
// that hold an earlier attempt of the same replica, which does not count.
func (v *round) lookAt(neighbours *perch) {
	for i := range v.odd {
		v.aside.remove(v.odd[i].m.slot)
	}
	for i := range v.chosen {
		v.aside.remove(v.chosen[i].m.slot)
	}
	hopeless := v.full() && len(v.s.order) > 0 &&
		v.worst().score > v.s.order[0].score+point*(weightWeights+weightImage+weightSpread)
	for p := neighbours; p != nil; p = p.after() {
		m := p.m
		if m == nil || !v.aside.has(m.slot) {
			continue // looked at before, odd, or chosen
		}
		if hopeless && p.ordinal != v.request.Ordinal {
			continue
		}
		v.aside.remove(m.slot)
		if v.common(m) == fits {
			c := candidate{
				slot: m.slot, rating: v.s.verdicts[m.class.id].rating, replicas: m.replicas(&v.request),
				weights: v.hasWeights(m), image: v.hasImage(m),
			}
			c.own()
			v.offer(&c)
		}
	}
	for p := neighbours; p != nil; p = p.after() {
		if p.m != nil {
			v.aside.remove(p.m.slot)
		}
	}
}
