package scheduler

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

// round is one decision at work: a request before all classes of the fleet.
// What it has found stays until the next begins, so that words are made only for
// those who ask.
type round struct {
	x       *index
	request aim.Request
	kept    map[string]string // node id -> replica that the node is being kept for
	s       *shape
	ranks   int         // that are needed
	chosen  []candidate // one for each rank; none where the request does not fit

	counts []int   // nodes by the shape's reasons
	odd    []odd   // nodes that rules about single nodes turn away
	cached [2]*set // nodes with the weights, nodes with the image; nil = none

	own       []reason // of odd nodes, where the shape has none
	ownCounts []int

	found []candidate // the best so far, best first
	limit int         // of found
	aside set         // nodes that are not looked at class by class

	// Kept between rounds.
	ins     [3]*set
	outs    [3]*set
	ids     []int16
	slots   []int
	lacking []int32
	options []option
}

// odd is a node that is turned away for reasons of its own.
type odd struct {
	m      *member
	reason int16
	only   int8 // the rule that alone turns it away, or several
}

// ownReasons is where the numbers of a round's own reasons begin.
const ownReasons = 1 << 14

// begin counts every node by what turns it away.
func (x *index) begin(r *aim.Request, kept map[string]string, k int32) *round {
	v := &x.round
	v.x, v.request, v.kept, v.ranks = x, *r, kept, max(r.Nodes, 1)
	v.s = x.shapeOf(r, k)
	v.own, v.odd, v.chosen, v.found = v.own[:0], v.odd[:0], v.chosen[:0], v.found[:0]
	v.cached = [2]*set{someOf(x.models, r.Model), someOf(x.images, r.Image)}
	v.turnAway()
	v.tally()
	return v
}

func someOf(sets map[string]*set, name string) *set {
	if s := sets[name]; name != "" && s != nil && s.size > 0 {
		return s
	}
	return nil
}

// turnAway applies the rules about single nodes: those that earlier attempts
// have learnt to avoid, and those kept for somebody who comes first.
func (v *round) turnAway() {
	for id := range v.request.Avoid {
		v.turnAwayOne(id)
	}
	for id := range v.kept {
		if _, avoided := v.request.Avoid[id]; !avoided {
			v.turnAwayOne(id)
		}
	}
}

func (v *round) turnAwayOne(id string) {
	m := v.x.byID[id]
	if m == nil {
		return
	}
	failures := v.failuresOf(m)
	o := odd{m: m, only: several}
	if len(failures) == 1 {
		o.only = int8(failures[0].rule)
	}
	if f := worst(failures); rules[f.rule].text != nil {
		o.reason = v.s.reasonOf(m.class, f)
	} else {
		o.reason = v.ownReason(reason(f))
	}
	v.odd = append(v.odd, o)
}

func (v *round) ownReason(r reason) int16 {
	i := slices.Index(v.own, r)
	if i < 0 {
		i = len(v.own)
		v.own = append(v.own, r)
	}
	return int16(ownReasons + i)
}

// failuresOf lists every rule that one node breaks, in order.
func (v *round) failuresOf(m *member) []failure {
	offer := v.x.book.offerOf(v.s, m.class)
	all := broken(v.s, m.class, &offer, v.x.failures[:0])
	if v.hasWeights(m) {
		all = slices.DeleteFunc(all, func(f failure) bool { return f.rule == ruleDisk })
	}
	// Avoiding is lasting: earlier attempts have learnt that it does not work there.
	if why, ok := v.request.Avoid[m.node.ID]; ok {
		all = append(all, failure{rule: ruleAvoid, way: 1, text: "avoided: " + why, lasting: true})
	}
	if who, ok := v.kept[m.node.ID]; ok {
		all = append(all, failure{rule: ruleKept, way: 1, text: "kept for " + who + ", which comes first"})
	}
	slices.SortFunc(all, func(a, b failure) int { return cmp.Compare(a.rule, b.rule) })
	v.x.failures = all
	return all
}

func (v *round) hasWeights(m *member) bool { return v.cached[0] != nil && v.cached[0].has(m.slot) }
func (v *round) hasImage(m *member) bool   { return v.cached[1] != nil && v.cached[1].has(m.slot) }

// tally counts the nodes by reason: the shape has them by class, and single
// nodes may differ.
func (v *round) tally() {
	v.counts = zeros(v.counts, len(v.s.reasons))
	for reason, n := range v.s.counts {
		v.counts[reason] = int(n)
	}
	v.ownCounts = zeros(v.ownCounts, len(v.own))
	if v.cached[0] != nil {
		v.excuse()
	}
	for i := range v.odd {
		o := &v.odd[i]
		v.counts[v.common(o.m)]--
		if o.reason < ownReasons {
			v.counts[o.reason]++
		} else {
			v.ownCounts[o.reason-ownReasons]++
		}
	}
}

func zeros(s []int, n int) []int {
	if cap(s) < n {
		return make([]int, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// excuse counts nodes that lack disk but hold the weights among those that fit.
func (v *round) excuse() {
	for _, r := range v.s.order {
		if r.short {
			n := v.x.classes[r.class].members.shared(v.cached[0])
			v.counts[v.s.verdicts[r.class].reason] -= n
			v.counts[fits] += n
		}
	}
}

// fit is how many nodes fit.
func (v *round) fit() int { return v.counts[fits] }

// possible counts the nodes that could hold one rank if they were empty.
func (v *round) possible() int {
	n := len(v.x.order)
	for i, r := range v.s.reasons {
		if r.lasting {
			n -= v.counts[i]
		}
	}
	for i, r := range v.own {
		if r.lasting {
			n -= v.ownCounts[i]
		}
	}
	return n
}

func (v *round) reason(id int16) *reason {
	if id < ownReasons {
		return &v.s.reasons[id]
	}
	return &v.own[id-ownReasons]
}

// reasonOf is what turns one node away, or fits.
func (v *round) reasonOf(m *member) int16 { return v.reasonAt(m.slot) }

// notTurnedAway stands for the nodes that are chosen.
const notTurnedAway int16 = -2

// reasonAt is reasonOf without a look at the node itself: ten thousand of them
// do not fit into a processor's cache.
func (v *round) reasonAt(slot int) int16 {
	for i := range v.chosen {
		if v.chosen[i].m.slot == slot {
			return notTurnedAway
		}
	}
	for i := range v.odd {
		if v.odd[i].m.slot == slot {
			return v.odd[i].reason
		}
	}
	return v.commonAt(slot)
}

// common is what turns one node away, but for rules about single nodes.
func (v *round) common(m *member) int16 { return v.commonAt(m.slot) }

func (v *round) commonAt(slot int) int16 {
	d := &v.s.verdicts[v.x.at[slot]]
	if d.only == ruleDisk && v.cached[0] != nil && v.cached[0].has(slot) {
		return fits
	}
	return d.reason
}
