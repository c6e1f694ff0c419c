package scheduler

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/aim-engine/aim"
)

// What a decision lists at most: enough to see a pattern, short enough for one
// line of a status.
const (
	maxNames  = 5 // nodes by name in a reason
	maxScores = 5
	maxCures  = 3
)

// explain says why the decision is so. The placement may be assumed by now, so
// that the chosen nodes look different: they are named, and nothing else is said
// of them that is not in the round.
func (v *round) explain(d *aim.Decision) {
	if d.Outcome != aim.Place {
		d.Reasons = v.reasons(nil, "gang", fmt.Sprintf("that would fit, of %d needed together", v.ranks))
		d.Cures = v.cures(v.ranks)
		return
	}
	d.Placement.Why = v.why()
	others := v.best(maxNames)
	d.Reasons = v.reasons(others, "score", "that would fit too but scored no better")
	for i := range min(len(v.chosen), maxScores) {
		d.Scores = append(d.Scores, v.chosen[i].explained())
	}
	for i := range min(len(others), maxScores-len(d.Scores)) {
		d.Scores = append(d.Scores, others[i].explained())
	}
}

// why says in one sentence where the replica goes and what spoke for it.
func (v *round) why() string {
	var w writer
	chosen := v.chosen
	w.Grow(128 * len(chosen))
	for i := range chosen {
		if i > 0 {
			w.text(", ")
		}
		w.text(chosen[i].m.node.ID)
		v.writePositions(&w, &chosen[i])
	}
	if len(chosen) == 1 {
		v.writeTraits(&w, &chosen[0])
	}
	fit, nodes := v.fit(), len(v.x.order)
	switch {
	case nodes == len(chosen): // there was no choice
	case fit == len(chosen):
		w.text("; no other of ").int(nodes).text(" nodes fits")
	case len(chosen) == 1:
		w.text("; best of ").int(fit).text(" that fit, of ").int(nodes).text(" nodes")
	default:
		w.text("; best ").int(len(chosen)).text(" of ").int(fit).text(" that fit, of ").int(nodes).text(" nodes")
	}
	return w.String()
}

// writePositions names the GPUs by their place in the node's list: " GPUs 0-3,6".
func (v *round) writePositions(w *writer, c *candidate) {
	var places mask
	for d := range c.rating.choice.devices.all {
		places.add(c.m.chassis.order[d])
	}
	n := places.count()
	switch {
	case n == 0:
		return
	case v.s.share > 0:
		w.text(", ").text(bytesText(v.s.share)).text(" of GPU ")
	default:
		w.text(plural(n, " GPU ", " GPUs "))
	}
	from, last := -1, -2
	for i := range places.all {
		if i == last+1 {
			last = i
			continue
		}
		w.run(from, last, ",")
		from, last = i, i
	}
	w.run(from, last, "")
}

// run writes a run of numbers, if there is one.
func (w *writer) run(from, last int, end string) {
	switch {
	case from < 0:
		return
	case from < last:
		w.int(from).text("-")
	}
	w.int(last).text(end)
}

func (v *round) writeTraits(w *writer, c *candidate) {
	lead := " ("
	note := func(text string) *writer {
		w.text(lead).text(text)
		lead = ", "
		return w
	}
	choice, boards := c.rating.choice, bits.OnesCount64(c.rating.choice.boards)
	switch {
	case boards > 1 && choice.missing == 0:
		note("joined by xGMI")
	case boards > 1:
		note("").int(choice.missing).text(" of ").int(boards * (boards - 1) / 2).text(" pairs without xGMI")
	}
	switch {
	case v.s.gpus > 1 && choice.span == 1:
		note("in one NUMA node")
	case choice.span > 1:
		note("over ").int(choice.span).text(" NUMA nodes")
	}
	if c.weights {
		note("weights cached")
	}
	if c.image {
		note("image cached")
	}
	if lead == ", " {
		w.text(")")
	}
}

// reasons lists why every node that is not chosen is not, by rule, then text.
// Those that fit are counted under the rule given; the best of them are named.
func (v *round) reasons(others []candidate, rule, text string) []aim.Reason {
	chosen := len(v.chosen)
	ids := v.ids[:0]
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
	v.ids = ids
	out := make([]aim.Reason, len(ids))
	names := make([]string, len(ids)*maxNames)
	for i, id := range ids {
		r := v.reason(id)
		out[i] = aim.Reason{Rule: rule, Text: text, Count: v.fit() - chosen}
		if id != fits {
			out[i].Rule, out[i].Text, out[i].Count = rules[r.rule].name, r.text, v.countOf(id)
		}
		out[i].Nodes = names[i*maxNames : i*maxNames : i*maxNames+min(out[i].Count, maxNames)]
		if id == fits {
			out[i].Nodes = runnersUp(others, out[i].Nodes)
		}
	}
	v.nameNodes(out, ids)
	return out
}

// runnersUp names the best nodes that were not chosen, by id.
func runnersUp(others []candidate, names []string) []string {
	for i := range min(len(others), cap(names)) {
		names = append(names, others[i].m.node.ID)
	}
	slices.Sort(names)
	return names
}

func (v *round) countOf(id int16) int {
	if id < ownReasons {
		return v.counts[id]
	}
	return v.ownCounts[id-ownReasons]
}
