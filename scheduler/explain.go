package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// What a decision lists at most: enough to see a pattern, short enough for one
// line of a status.
const (
	maxNames  = 5 // nodes by name in a reason
	maxScores = 5
	maxCures  = 3
)

// explainPlaced makes the decision for the best `ranks` of these candidates.
func explainPlaced(w wish, all []assessment, ranked []scored, ranks int) aim.Decision {
	d := aim.Decision{Outcome: aim.Place, Nodes: len(all), Placement: &aim.Placement{}}
	chosen := slices.Clone(ranked[:ranks])
	for _, s := range chosen {
		d.Placement.Ranks = append(d.Placement.Ranks, aim.Rank{Node: s.view.node.ID, GPUs: s.gpuIDs()})
	}
	d.Placement.Why = why(w, chosen, len(ranked), len(all))
	reasons := reasonsOf(all)
	for _, s := range ranked[ranks:] {
		reasons.add(len(rules), "score", "that would fit too but scored no better", s.view.node.ID)
	}
	d.Reasons = reasons.list()
	for _, s := range ranked[:min(len(ranked), maxScores)] {
		d.Scores = append(d.Scores, s.score)
	}
	return d
}

// explainNone makes the decision when too few nodes fit: wait or impossible.
func explainNone(w wish, all []assessment) aim.Decision {
	d := aim.Decision{Outcome: aim.Wait, Nodes: len(all)}
	if len(all) > 0 && possible(all) < w.Nodes {
		d.Outcome = aim.Impossible
	}
	reasons := reasonsOf(all)
	for _, a := range candidates(all) {
		text := fmt.Sprintf("that would fit, of %d needed together", w.Nodes)
		reasons.add(len(rules), "gang", text, a.view.node.ID)
	}
	d.Reasons = reasons.list()
	d.Cures = cures(w, all)
	return d
}

// possible counts the nodes that could hold one rank if they were empty.
func possible(all []assessment) int {
	n := 0
	for _, a := range all {
		if !a.never() {
			n++
		}
	}
	return n
}

func (s scored) gpuIDs() []string {
	ids := make([]string, len(s.choice.devices))
	for i, d := range s.choice.devices {
		ids[i] = s.offer.pool.devices[d].gpu.ID
	}
	return ids
}

// tally counts nodes by rule and text.
type tally struct {
	order  []int // of rules, for each reason
	counts []aim.Reason
}

func (t *tally) add(order int, rule, text, node string) {
	i := slices.IndexFunc(t.counts, func(r aim.Reason) bool { return r.Rule == rule && r.Text == text })
	if i < 0 {
		i = len(t.counts)
		t.counts = append(t.counts, aim.Reason{Rule: rule, Text: text})
		t.order = append(t.order, order)
	}
	t.counts[i].Count++
	t.counts[i].Nodes = append(t.counts[i].Nodes, node)
}

// list orders the reasons by rule, then text, and cuts their lists of nodes.
func (t *tally) list() []aim.Reason {
	index := make([]int, len(t.counts))
	for i := range index {
		index[i] = i
	}
	slices.SortFunc(index, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.order[a], t.order[b]), cmp.Compare(t.counts[a].Text, t.counts[b].Text))
	})
	var out []aim.Reason
	for _, i := range index {
		r := t.counts[i]
		slices.Sort(r.Nodes)
		r.Nodes = r.Nodes[:min(len(r.Nodes), maxNames)]
		out = append(out, r)
	}
	return out
}

// reasonsOf counts every node that some rule turned away, once.
func reasonsOf(all []assessment) *tally {
	t := &tally{}
	for _, a := range all {
		if !a.fits() {
			f := a.wrong()
			t.add(f.rule, rules[f.rule].name, f.text, a.view.node.ID)
		}
	}
	return t
}

// why says in one sentence where the replica goes and what spoke for it.
func why(w wish, chosen []scored, fit, nodes int) string {
	var places []string
	for _, s := range chosen {
		places = append(places, s.view.node.ID+" "+s.positions())
	}
	text := strings.Join(places, ", ")
	if traits := traitsOf(w, chosen[0]); len(chosen) == 1 && len(traits) > 0 {
		text += " (" + strings.Join(traits, ", ") + ")"
	}
	switch {
	case nodes == len(chosen):
		return text // there was no choice
	case fit == len(chosen):
		return text + fmt.Sprintf("; no other of %d nodes fits", nodes)
	case len(chosen) == 1:
		return text + fmt.Sprintf("; best of %d that fit, of %d nodes", fit, nodes)
	}
	return text + fmt.Sprintf("; best %d of %d that fit, of %d nodes", len(chosen), fit, nodes)
}

// positions names the GPUs by their place in the node's list: "GPUs 0-3,6".
func (s scored) positions() string {
	var index []int
	for _, d := range s.choice.devices {
		index = append(index, s.offer.pool.devices[d].index)
	}
	slices.Sort(index)
	var parts []string
	for i := 0; i < len(index); {
		j := i
		for j+1 < len(index) && index[j+1] == index[j]+1 {
			j++
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d-%d", index[i], index[j]))
		} else {
			parts = append(parts, fmt.Sprint(index[i]))
		}
		i = j + 1
	}
	return plural(len(index), "GPU", "GPUs") + " " + strings.Join(parts, ",")
}

func traitsOf(w wish, s scored) []string {
	var traits []string
	boards := len(distinctBoards(s))
	switch {
	case boards > 1 && s.choice.missing == 0:
		traits = append(traits, "joined by xGMI")
	case boards > 1:
		traits = append(traits, fmt.Sprintf("%d of %d pairs without xGMI", s.choice.missing, boards*(boards-1)/2))
	}
	if w.GPUs > 1 && s.choice.span == 1 {
		traits = append(traits, "in one NUMA node")
	} else if s.choice.span > 1 {
		traits = append(traits, fmt.Sprintf("over %d NUMA nodes", s.choice.span))
	}
	if hasModel(w, s.view) {
		traits = append(traits, "weights cached")
	}
	if hasImage(w, s.view) {
		traits = append(traits, "image cached")
	}
	return traits
}

func distinctBoards(s scored) []string {
	var keys []string
	for _, b := range s.offer.pool.boards {
		if slices.ContainsFunc(b.devices, func(d int) bool { return slices.Contains(s.choice.devices, d) }) {
			keys = append(keys, b.key)
		}
	}
	return keys
}
