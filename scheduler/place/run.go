package place

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// Run is one decision at work: a request before all classes of the fleet.
type Run struct {
	p       *Placer
	request aim.PlacementRequest
	class   *RequestClass
	ranks   int         // that are needed
	chosen  []candidate // one for each rank; none where the request does not fit

	// Every node is counted once: by the reason of its class, or by its own.
	//
	//	class.reasons  0 fits   1 "cordoned"   2 "with fewer than 4 free GPUs"
	//	counts           12        3             5
	//	own            "avoided: GPU fault"                  n7, which its class counts under 0
	//	ownCounts        1                                   and so counts[0] is 12 and not 13
	counts    []int
	odd       []odd // nodes that the request avoids
	own       []reason
	ownCounts []int
	cached    [2]*bitset.Set // nodes with the weights, nodes with the image; nil = none

	found []candidate // the best so far, best first
	limit int         // of found
	aside bitset.Set  // nodes that are not looked at class by class
	ins   [3]*bitset.Set
	outs  [3]*bitset.Set
}

// odd is a node that is turned away for reasons of its own: the request avoids it by
// its name, which its class does not know of.
type odd struct {
	m      *fleet.Node
	reason int16
	only   int8 // the rule that alone turns it away, or several
}

// ownReasons is where the numbers of a run's own reasons begin.
const ownReasons = 1 << 14

// begin counts every node by what turns it away. A gang is tried on one kind of GPU at
// a time, by its number; 0 is any.
func (p *Placer) begin(r *aim.PlacementRequest, kind int32) *Run {
	v := &p.run
	v.p, v.request, v.ranks = p, *r, max(r.Nodes, 1)
	v.class = p.classOf(r, kind)
	v.own, v.odd, v.chosen, v.found = v.own[:0], v.odd[:0], v.chosen[:0], v.found[:0]
	v.cached = [2]*bitset.Set{p.fleet.WithModel(r.Model), p.fleet.WithImage(r.Image)}
	for id, why := range r.Avoid {
		if m := p.fleet.Node(id); m != nil {
			v.turnAway(m, why)
		}
	}
	v.tally()
	return v
}

// turnAway counts a node that the request avoids by itself.
func (v *Run) turnAway(m *fleet.Node, why string) {
	failures := v.failuresOf(m, why)
	o := odd{m: m, only: several}
	if len(failures) == 1 {
		o.only = int8(failures[0].rule)
	}
	if f := worst(failures); rules[f.rule].text != nil {
		o.reason = v.class.reasonOf(m.Class(), f)
	} else {
		o.reason = v.ownReason(reason(f))
	}
	v.odd = append(v.odd, o)
}

func (v *Run) ownReason(r reason) int16 {
	i := slices.Index(v.own, r)
	if i < 0 {
		i = len(v.own)
		v.own = append(v.own, r)
	}
	return int16(ownReasons + i)
}

// failuresOf lists every rule that a node breaks, in order; why is why the request
// avoids it, or "".
func (v *Run) failuresOf(m *fleet.Node, why string) []failure {
	offer := v.p.offerOf(v.class, m.Class())
	all := broken(v.class, m.Class(), &offer)
	if v.hasWeights(m) {
		all = slices.DeleteFunc(all, func(f failure) bool { return f.rule == ruleDisk })
	}
	if why == "" {
		return all
	}
	// Avoiding is lasting: earlier attempts have learnt that it does not work there.
	all = append(all, failure{rule: ruleAvoid, way: 1, text: "avoided: " + why, lasting: true})
	slices.SortFunc(all, func(a, b failure) int { return cmp.Compare(a.rule, b.rule) })
	return all
}

func (v *Run) hasWeights(m *fleet.Node) bool { return v.cached[0] != nil && v.cached[0].Has(m.Slot()) }
func (v *Run) hasImage(m *fleet.Node) bool   { return v.cached[1] != nil && v.cached[1].Has(m.Slot()) }

// tally counts the nodes by reason: the class of requests has them by class of nodes, and single
// nodes may differ.
func (v *Run) tally() {
	v.counts = zeros(v.counts, len(v.class.reasons))
	for reason, n := range v.class.counts {
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

// excuse counts nodes that lack disk but hold the weights among those that fit: their
// weights need not be fetched. Which nodes those are no class knows (short).
func (v *Run) excuse() {
	for _, r := range v.class.order {
		if r.short {
			n := v.p.fleet.CountIn(r.class, v.cached[0])
			v.counts[v.class.verdicts[r.class].reason] -= n
			v.counts[fits] += n
		}
	}
}

// fit is how many nodes fit.
func (v *Run) fit() int { return v.counts[fits] }

// possible counts the nodes that could hold one rank if they were empty. None, or fewer
// than the ranks, means that the request can never fit on this fleet, and its outcome
// is Impossible and not Wait.
func (v *Run) possible() int {
	n := v.p.fleet.Len()
	for i, r := range v.class.reasons {
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

func (v *Run) reason(id int16) *reason {
	if id < ownReasons {
		return &v.class.reasons[id]
	}
	return &v.own[id-ownReasons]
}

// notTurnedAway stands for the nodes that are chosen.
const notTurnedAway int16 = -2

// reasonAt is what turns the node in a slot away, or fits. It does without a look at
// the node itself: ten thousand of them do not fit into a processor's cache.
func (v *Run) reasonAt(slot int) int16 {
	for i := range v.chosen {
		if v.chosen[i].m.Slot() == slot {
			return notTurnedAway
		}
	}
	for i := range v.odd {
		if v.odd[i].m.Slot() == slot {
			return v.odd[i].reason
		}
	}
	return v.commonAt(slot)
}

// common is what turns one node away, but for rules about single nodes.
func (v *Run) common(m *fleet.Node) int16 { return v.commonAt(m.Slot()) }

func (v *Run) commonAt(slot int) int16 {
	d := &v.class.verdicts[v.p.fleet.ClassAt(slot)]
	if d.only == ruleDisk && v.cached[0] != nil && v.cached[0].Has(slot) {
		return fits
	}
	return d.reason
}
