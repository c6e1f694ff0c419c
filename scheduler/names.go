package scheduler

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

func (r *reason) compare(o *reason) int {
	return cmp.Or(cmp.Compare(r.rule, o.rule), cmp.Compare(r.text, o.text))
}

// firstNodes is how many nodes are asked for their reason one by one: enough
// that a reason which many nodes have in common is found often enough there.
const firstNodes = 256

// nameNodes gives every reason its first few nodes by name, unless it has names
// already. What many nodes have in common is found among the first of the
// fleet; what is rare is looked up by class.
func (v *round) nameNodes(out []aim.Reason, ids []int16) {
	missing := 0
	for i := range out {
		missing += cap(out[i].Nodes) - len(out[i].Nodes)
	}
	for slot := 0; slot < min(firstNodes, len(v.x.order)) && missing > 0; slot++ {
		i := slices.Index(ids, v.reasonAt(slot))
		if i >= 0 && len(out[i].Nodes) < cap(out[i].Nodes) {
			out[i].Nodes = append(out[i].Nodes, v.x.order[slot].node.ID)
			missing--
		}
	}
	if missing == 0 {
		return
	}
	for i, id := range ids {
		if len(out[i].Nodes) < cap(out[i].Nodes) {
			out[i].Nodes = v.lookUp(id, out[i].Nodes)
		}
	}
}

// lookUp adds the names of the nodes beyond the first that a reason turns away.
func (v *round) lookUp(id int16, names []string) []string {
	want := cap(names) - len(names)
	slots := v.slots[:0]
	note := func(slot int) bool {
		if slot < firstNodes || v.reasonAt(slot) != id {
			return true
		}
		i, known := slices.BinarySearch(slots, slot)
		switch {
		case known:
			return true
		case i == want:
			return false // those behind it in its class are farther still
		}
		slots = slices.Insert(slots, i, slot)[:min(len(slots)+1, want)]
		return true
	}
	for i := range v.odd {
		note(v.odd[i].m.slot)
	}
	for c, n := range v.x.counts[:min(len(v.x.counts), len(v.s.verdicts))] { // those beyond are of nodes just chosen
		if n == 0 || !v.mayHave(c, id) {
			continue
		}
		members := &v.x.classes[c].members
		for slot := members.next(firstNodes, &sieve{}); slot >= 0 && note(slot); {
			slot = members.next(slot+1, &sieve{})
		}
	}
	for _, slot := range slots {
		names = append(names, v.x.order[slot].node.ID)
	}
	v.slots = slots
	return names
}

// mayHave tells whether members of a class can have the reason.
func (v *round) mayHave(class int, id int16) bool {
	d := &v.s.verdicts[class]
	return d.reason == id || id == fits && d.only == ruleDisk
}
