package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// remedy is one thing that would make one node fit. Less cost is less trouble
// for those who run there already.
type remedy struct {
	rule int
	cost int
	node string
	text string
}

// cures names what would make the wish fit: of the nodes that exactly one rule
// turned away, the cheapest for each rule. A gang that lacks k nodes needs k
// remedies together. Where no single change would do, it takes another node.
func cures(w wish, all []assessment) []string {
	var found []remedy
	for _, a := range all {
		if len(a.failures) != 1 {
			continue
		}
		r := rules[a.failures[0].rule]
		if text, cost := r.cure(w, a); text != "" {
			found = append(found, remedy{rule: a.failures[0].rule, cost: cost, node: a.view.node.ID, text: text})
		}
	}
	slices.SortFunc(found, func(a, b remedy) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.rule, b.rule), cmp.Compare(a.node, b.node))
	})
	lacking := w.Nodes - len(candidates(all))
	if w.Nodes > 1 {
		return gangCure(w, found, lacking)
	}
	var texts []string
	seen := map[int]bool{}
	for _, r := range found {
		if !seen[r.rule] && len(texts) < maxCures {
			seen[r.rule] = true
			texts = append(texts, r.text)
		}
	}
	if len(texts) == 0 {
		return []string{"join a node with " + needs(w)}
	}
	return texts
}

func gangCure(w wish, found []remedy, lacking int) []string {
	if len(found) < lacking {
		return []string{fmt.Sprintf("join %d more %s with %s", lacking, plural(lacking, "node", "nodes"), needs(w))}
	}
	var texts []string
	for _, r := range found[:lacking] {
		texts = append(texts, r.text)
	}
	return []string{strings.Join(texts, " and ")}
}

// needs describes the machine that would do.
func needs(w wish) string {
	s := gpusText(w)
	if w.VRAMBytes > 0 {
		s += " of " + bytesText(w.VRAMBytes)
	}
	for _, key := range slices.Sorted(maps.Keys(w.Selector)) {
		s += ", labelled " + key + "=" + w.Selector[key]
	}
	return s
}
