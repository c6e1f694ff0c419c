package place

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// What a decision lists at most, as maxNames.
const (
	maxScores = 5
	maxCures  = 3
)

// Explained is the decision with its words: every node accounted for, the best
// candidates with their scores, what would make it fit.
func (v *Run) Explained() aim.Decision {
	d := v.Decision()
	if d.Outcome != aim.Place {
		d.Reasons = v.reasons(nil, "gang", fmt.Sprintf("that would fit, of %d needed together", v.ranks))
		return d.Cured(v.cures())
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
	return d
}

// why says in one sentence where the replica goes and what spoke for it.
func (v *Run) why() string {
	var where []string
	for i := range v.chosen {
		where = append(where, v.chosen[i].m.ID()+v.positions(&v.chosen[i]))
	}
	text := strings.Join(where, ", ")
	if len(v.chosen) == 1 {
		text += v.traits(&v.chosen[0])
	}
	chosen, fit, nodes := len(v.chosen), v.fit(), v.p.fleet.Len()
	switch {
	case nodes == chosen: // there was no choice
		return text
	case fit == chosen:
		return text + fmt.Sprintf("; no other of %d nodes fits", nodes)
	case chosen == 1:
		return text + fmt.Sprintf("; best of %d that fit, of %d nodes", fit, nodes)
	}
	return text + fmt.Sprintf("; best %d of %d that fit, of %d nodes", chosen, fit, nodes)
}

// positions names the GPUs by their place in the node's list: " GPUs 0-3,6".
func (v *Run) positions(c *candidate) string {
	var places topology.Mask
	for d := range c.rating.choice.GPUs.All {
		places.Add(c.m.Hardware().Position(d))
	}
	n := places.Count()
	switch {
	case n == 0:
		return ""
	case v.class.share > 0:
		return ", " + bytesText(v.class.share) + " of GPU " + runs(places)
	}
	return plural(n, " GPU ", " GPUs ") + runs(places)
}

// runs writes numbers with runs of them put together: "0-3,6".
func runs(m topology.Mask) string {
	var parts []string
	from, last := -1, -2
	end := func() {
		switch {
		case from < 0:
		case from == last:
			parts = append(parts, strconv.Itoa(last))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d", from, last))
		}
	}
	for i := range m.All {
		if i != last+1 {
			end()
			from = i
		}
		last = i
	}
	end()
	return strings.Join(parts, ",")
}

// traits says what speaks for the GPUs and the node.
func (v *Run) traits(c *candidate) string {
	var all []string
	choice, boards := c.rating.choice, bits.OnesCount64(c.rating.choice.Boards)
	switch {
	case boards > 1 && choice.Missing == 0:
		all = append(all, "joined by xGMI")
	case boards > 1:
		all = append(all, fmt.Sprintf("%d of %d pairs without xGMI", choice.Missing, boards*(boards-1)/2))
	}
	switch {
	case v.class.gpus > 1 && choice.Span == 1:
		all = append(all, "in one NUMA node")
	case choice.Span > 1:
		all = append(all, fmt.Sprintf("over %d NUMA nodes", choice.Span))
	}
	if c.weights {
		all = append(all, "weights cached")
	}
	if c.image {
		all = append(all, "image cached")
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}
