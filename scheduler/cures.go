package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// remedy is what would make a node fit that one rule turns away.
type remedy struct {
	// cost orders remedies by the trouble they are to those who run there
	// already; none where nothing short of another machine helps.
	cost func(v *round, m *member, o *offer) int
	text func(v *round, m *member, o *offer) string
}

// Costs, by trouble: nobody is hurt, somebody has to go and look, a replica
// stops.
const (
	none        = -1
	costSetting = 0
	costRepair  = 100
	costStop    = 200
	costUnclear = 300
)

// option is one remedy on one node.
type option struct {
	rule int
	cost int
	m    *member
	o    offer
}

func (a *option) compare(b *option) int {
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.rule, b.rule), cmp.Compare(a.m.slot, b.m.slot))
}

func (a *option) text(v *round) string { return rules[a.rule].remedy.text(v, a.m, &a.o) }

// cures names what would make the wish fit: of the nodes that exactly one rule
// turned away, the cheapest for each rule. A gang that lacks k nodes needs k
// remedies together. Where no single change would do, it takes another node.
func (v *round) cures(ranks int) []string {
	v.options = v.options[:0]
	v.optionsByClass(ranks)
	for i := range v.odd {
		if o := &v.odd[i]; o.only != several {
			v.consider(int(o.only), o.m, v.x.book.offerOf(v.s, o.m.class))
		}
	}
	slices.SortFunc(v.options, func(a, b option) int { return a.compare(&b) })
	if ranks > 1 {
		return v.gangCure(ranks - v.fit())
	}
	var texts []string
	seen := [len(rules)]bool{}
	for i := range v.options {
		if o := &v.options[i]; !seen[o.rule] && len(texts) < maxCures {
			seen[o.rule] = true
			texts = append(texts, o.text(v))
		}
	}
	if len(texts) == 0 {
		return []string{"join a node with " + v.s.needs()}
	}
	return texts
}

// nearNodes is how many nodes are looked at for room that others could make,
// those first that lack least: what is farther from fitting costs more.
const nearNodes = 16

// optionsByClass looks at the classes that one rule alone turns away.
func (v *round) optionsByClass(ranks int) {
	full := v.lacking[:0]
	for id, n := range v.x.counts {
		if n == 0 {
			continue
		}
		switch d := &v.s.verdicts[id]; {
		case d.reason == fits || d.only == several:
		case d.only == ruleFree:
			full = append(full, int32(id))
		default:
			v.considerClass(id, ranks)
		}
	}
	slices.SortFunc(full, func(a, b int32) int { return int(v.s.verdicts[b].free - v.s.verdicts[a].free) })
	looked, last := 0, int16(0)
	for _, id := range full {
		free := v.s.verdicts[id].free
		if looked >= max(nearNodes, ranks) && free < last {
			break
		}
		looked, last = looked+v.considerClass(int(id), max(nearNodes, ranks)), free
	}
	v.lacking = full
}

// considerClass looks at the first so many nodes of a class.
func (v *round) considerClass(id, limit int) (looked int) {
	c := v.x.classes[id]
	o := v.x.book.offerOf(v.s, c)
	f := sieve{}
	for slot := c.members.next(0, &f); slot >= 0 && looked < limit; slot = c.members.next(slot+1, &f) {
		if m := v.x.order[slot]; v.reasonOf(m) == v.s.verdicts[id].reason {
			v.consider(int(v.s.verdicts[id].only), m, o)
			looked++
		}
	}
	return looked
}

func (v *round) consider(rule int, m *member, o offer) {
	if cost := rules[rule].remedy.cost(v, m, &o); cost != none {
		v.options = append(v.options, option{rule: rule, cost: cost, m: m, o: o})
	}
}

func (v *round) gangCure(lacking int) []string {
	if len(v.options) < lacking {
		return []string{fmt.Sprintf("join %d more %s with %s", lacking, plural(lacking, "node", "nodes"), v.s.needs())}
	}
	var texts []string
	for i := range v.options[:lacking] {
		texts = append(texts, v.options[i].text(v))
	}
	return []string{strings.Join(texts, " and ")}
}

// needs describes the machine that would do.
func (s *shape) needs() string {
	text := s.gpusText()
	switch {
	case s.share > 0:
		text = bytesText(s.share) + " on a GPU that may be shared"
		if len(s.types) > 0 {
			text += " (" + s.typesText() + ")"
		}
	case s.vram > 0:
		text += " of " + bytesText(s.vram)
	case s.gpus == 0:
		text = fmt.Sprintf("%d %s", max(s.cpus, 1), plural(max(s.cpus, 1), "CPU", "CPUs"))
	}
	for _, l := range s.labels {
		text += ", labelled " + l.key + "=" + l.value
	}
	return text
}
