package place

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// remedy is what would make a node fit that one rule turns away.
type remedy struct {
	// cost orders remedies by the trouble they are to those who run there
	// already; none where nothing short of another machine helps.
	cost func(v *Run, m *fleet.Node, o *offer) int
	text func(v *Run, m *fleet.Node, o *offer) string
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
	m    *fleet.Node
	o    offer
}

func (a *option) compare(b *option) int {
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.rule, b.rule), cmp.Compare(a.m.Slot(), b.m.Slot()))
}

func (a *option) text(v *Run) string { return rules[a.rule].remedy.text(v, a.m, &a.o) }

// cures names what would make the wish fit: of the nodes that exactly one rule
// turned away, the cheapest for each rule. A gang that lacks k nodes needs k
// remedies together. Where no single change would do, it takes another node.
func (v *Run) cures() []string {
	options := v.options()
	if v.ranks > 1 {
		return v.gangCure(options, v.ranks-v.fit())
	}
	var texts []string
	seen := [len(rules)]bool{}
	for i := range options {
		if o := &options[i]; !seen[o.rule] && len(texts) < maxCures {
			seen[o.rule] = true
			texts = append(texts, o.text(v))
		}
	}
	if len(texts) == 0 {
		return []string{"join a node with " + v.class.needs()}
	}
	return texts
}

// NearNodes is how many nodes are looked at for room that others could make, those
// first that lack least: what is farther from fitting costs more.
const NearNodes = 16

// options lists the remedies on nodes that one rule alone turns away, the cheapest
// first.
func (v *Run) options() []option {
	var all []option
	var full []int32 // classes that lack nothing but free GPUs
	for id, n := range v.p.fleet.Counts() {
		if n == 0 {
			continue
		}
		switch d := &v.class.verdicts[id]; {
		case d.reason == fits || d.only == several:
		case d.only == ruleFree:
			full = append(full, int32(id))
		default:
			all = v.optionsOf(id, v.ranks, all)
		}
	}
	slices.SortFunc(full, func(a, b int32) int { return int(v.class.verdicts[b].free - v.class.verdicts[a].free) })
	most, looked, last := max(NearNodes, v.ranks), 0, int16(0)
	for _, id := range full {
		free, before := v.class.verdicts[id].free, len(all)
		if looked >= most && free < last {
			break
		}
		all = v.optionsOf(int(id), most, all)
		looked, last = looked+len(all)-before, free
	}
	for i := range v.odd {
		if o := &v.odd[i]; o.only != several {
			all = v.optionOn(int(o.only), o.m, v.p.offerOf(v.class, o.m.Class()), all)
		}
	}
	slices.SortFunc(all, func(a, b option) int { return a.compare(&b) })
	return all
}

// optionsOf adds those on the first so many nodes of a class.
func (v *Run) optionsOf(id, limit int, all []option) []option {
	d := &v.class.verdicts[id]
	o := v.p.offerOf(v.class, v.p.fleet.Class(id))
	f, looked := bitset.Filter{}, 0
	for slot := v.p.fleet.Next(int32(id), 0, &f); slot >= 0 && looked < limit; slot = v.p.fleet.Next(int32(id), slot+1, &f) {
		if v.reasonAt(slot) == d.reason {
			all = v.optionOn(int(d.only), v.p.fleet.At(slot), o, all)
			looked++
		}
	}
	return all
}

func (v *Run) optionOn(rule int, m *fleet.Node, o offer, all []option) []option {
	if cost := rules[rule].remedy.cost(v, m, &o); cost != none {
		all = append(all, option{rule: rule, cost: cost, m: m, o: o})
	}
	return all
}

func (v *Run) gangCure(options []option, lacking int) []string {
	if len(options) < lacking {
		return []string{fmt.Sprintf("join %d more %s with %s", lacking, plural(lacking, "node", "nodes"), v.class.needs())}
	}
	var texts []string
	for i := range options[:lacking] {
		texts = append(texts, options[i].text(v))
	}
	return []string{strings.Join(texts, " and ")}
}

// needs describes the machine that would do.
func (s *RequestClass) needs() string {
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
		text += ", labelled " + l.Key + "=" + l.Value
	}
	return text
}
