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

// explainPlaced makes the decision for the first `ranks` of these candidates,
// which are the best of those that fit.
func (v *round) explainPlaced(found []candidate, ranks int) aim.Decision {
	p := newPlacement(ranks)
	p.Why = v.why(found[:ranks])
	for i := range p.Ranks {
		c := &found[i]
		p.Ranks[i] = aim.Rank{Node: c.m.node.ID, GPUs: c.m.named(c.rating.choice.devices), ShareBytes: v.s.share}
	}
	d := aim.Decision{Outcome: aim.Place, Nodes: len(v.x.order), Placement: p}
	d.Reasons = v.reasons(found, ranks, "score", "that would fit too but scored no better")
	d.Scores = make([]aim.NodeScore, min(len(found), maxScores))
	for i := range d.Scores {
		d.Scores[i] = found[i].explained()
	}
	return d
}

// newPlacement makes room for the ranks; most placements have one, and then take
// one piece of memory.
func newPlacement(ranks int) *aim.Placement {
	if ranks > 1 {
		return &aim.Placement{Ranks: make([]aim.Rank, ranks)}
	}
	one := &struct {
		aim.Placement
		rank [1]aim.Rank
	}{}
	one.Ranks = one.rank[:]
	return &one.Placement
}

// explainNone makes the decision when too few nodes fit: wait or impossible.
func (v *round) explainNone(ranks int) aim.Decision {
	d := aim.Decision{Outcome: aim.Wait, Nodes: len(v.x.order)}
	if d.Nodes > 0 && v.possible() < ranks {
		d.Outcome = aim.Impossible
	}
	d.Reasons = v.reasons(nil, 0, "gang", fmt.Sprintf("that would fit, of %d needed together", ranks))
	d.Cures = v.cures(ranks)
	return d
}

// why says in one sentence where the replica goes and what spoke for it.
func (v *round) why(chosen []candidate) string {
	var w writer
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
func (v *round) reasons(found []candidate, ranks int, rule, text string) []aim.Reason {
	ids := v.ids[:0]
	for i, n := range v.counts {
		if n > 0 && (i > 0 || n > ranks) {
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
		out[i] = aim.Reason{Rule: rule, Text: text, Count: v.fit() - ranks}
		if id != fits {
			out[i].Rule, out[i].Text, out[i].Count = rules[r.rule].name, r.text, v.countOf(id)
		}
		out[i].Nodes = names[i*maxNames : i*maxNames : i*maxNames+min(out[i].Count, maxNames)]
		if id == fits && found != nil {
			out[i].Nodes = runnersUp(found[ranks:], out[i].Nodes)
		}
	}
	v.nameNodes(out, ids)
	return out
}

// runnersUp names the best nodes that were not chosen, by id.
func runnersUp(others []candidate, names []string) []string {
	for i := range others[:cap(names)] {
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
