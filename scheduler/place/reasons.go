package place

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/bitset"
)

// maxNames is how many nodes a reason names: enough to see a pattern, short enough for
// one line of a status.
const maxNames = 5

func (r *reason) compare(o *reason) int {
	return cmp.Or(cmp.Compare(r.rule, o.rule), cmp.Compare(r.text, o.text))
}

// reasons lists why every node that is not chosen is not, by rule, then text. Those
// that fit are counted under the rule given; the best of them are named.
func (v *Run) reasons(others []candidate, rule, text string) []aim.Reason {
	chosen := len(v.chosen)
	var ids []int16
	for i, n := range v.counts {
		if n > 0 && (i > 0 || n > chosen) {
			ids = append(ids, int16(i))
		}
	}
	for i, n := range v.ownCounts {
		if n > 0 {
			ids = append(ids, int16(ownReasons+i))
		}
	}
	slices.SortFunc(ids, func(a, b int16) int { return v.reason(a).compare(v.reason(b)) })
	var out []aim.Reason
	for _, id := range ids {
		r := v.reason(id)
		switch {
		case id != fits:
			a := aim.Reason{Rule: rules[r.rule].name, Text: r.text, Count: v.countOf(id), Nodes: v.firstWith(id)}
			if r.rule == ruleFree {
				v.tellFree(&a, id)
			}
			out = append(out, a)
		case len(others) > 0:
			out = append(out, aim.Reason{Rule: rule, Text: text, Count: v.fit() - chosen, Nodes: namesOf(others)})
		default:
			out = append(out, aim.Reason{Rule: rule, Text: text, Count: v.fit() - chosen, Nodes: v.firstWith(id)})
		}
	}
	return out
}

// namesOf is the ids of candidates, in order.
func namesOf(all []candidate) []string {
	var ids []string
	for i := range all {
		ids = append(ids, all[i].m.ID())
	}
	slices.Sort(ids)
	return ids
}

func (v *Run) countOf(id int16) int {
	if id < ownReasons {
		return v.counts[id]
	}
	return v.ownCounts[id-ownReasons]
}

// tellFree says how many GPUs are free on the nodes that lack some, and in how large
// a piece: whether the fleet is full or only fragmented.
func (v *Run) tellFree(r *aim.Reason, id int16) {
	if v.class.share > 0 {
		return
	}
	for class, n := range v.p.fleet.Counts() {
		if n == 0 {
			continue
		}
		if d := &v.class.verdicts[class]; d.reason == id {
			r.FreeGPUs += int(d.free) * int(n)
			r.LargestFree = max(r.LargestFree, int(d.free))
		}
	}
	for i := range v.odd { // they are not counted here
		if d := &v.class.verdicts[v.odd[i].m.Class().ID]; d.reason == id && v.odd[i].reason != id {
			r.FreeGPUs -= int(d.free)
		}
	}
	switch {
	case r.FreeGPUs == 0:
		r.Text = "with no free GPU"
	case r.Count == 1:
		r.Text += fmt.Sprintf(" (%d free)", r.FreeGPUs)
	default:
		r.Text += fmt.Sprintf(" (%d free, at most %d on one node)", r.FreeGPUs, r.LargestFree)
	}
}

// firstWith names the first few nodes that a reason turns away.
func (v *Run) firstWith(id int16) []string {
	var slots []int
	note := func(slot int) (more bool) {
		if v.reasonAt(slot) != id {
			return true
		}
		i, known := slices.BinarySearch(slots, slot)
		switch {
		case known:
			return true
		case i == maxNames:
			return false // those behind it in its class are farther still
		}
		slots = slices.Insert(slots, i, slot)
		slots = slots[:min(len(slots), maxNames)]
		return true
	}
	for i := range v.odd {
		note(v.odd[i].m.Slot())
	}
	for class, n := range v.p.fleet.Counts() {
		if n == 0 || !v.mayHave(class, id) {
			continue
		}
		f := bitset.Filter{}
		for slot := v.p.fleet.Next(int32(class), 0, &f); slot >= 0 && note(slot); {
			slot = v.p.fleet.Next(int32(class), slot+1, &f)
		}
	}
	ids := make([]string, len(slots))
	for i, slot := range slots {
		ids[i] = v.p.fleet.At(slot).ID()
	}
	return ids
}

// mayHave tells whether nodes of a class can have the reason.
func (v *Run) mayHave(class int, id int16) bool {
	d := &v.class.verdicts[class]
	return d.reason == id || id == fits && d.only == ruleDisk
}
