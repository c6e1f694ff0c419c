package place

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/bitset"
	"github.com/aim-engine/aim/scheduler/fleet"
)

// Costs of a cure, by trouble: nobody is hurt, somebody has to go and look, a replica
// stops, several do.
const (
	costSetting = 0
	costRepair  = 100
	costStop    = 200
	costSeveral = 300
)

// option is what would make one node fit.
type option struct {
	rules uint32 // that turn the node away, a bit each
	cost  int
	m     *fleet.Node
	steps []aim.CureStep
}

func (a *option) compare(b *option) int {
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.rules, b.rules), cmp.Compare(a.m.Slot(), b.m.Slot()))
}

// cures names what would make the request fit if nobody else came first: of the nodes
// that could be had, the cheapest for each rule that turns them away. A gang that lacks
// k nodes needs k of them together. Where nothing helps, it takes another machine.
//
//	n1 aaaa|bb..   4 GPUs: aim stop b         n1 aaaa|q...   aim node clear n1 g4
//	n2 ....|.... cordoned: aim node uncordon n2
func (v *Run) cures() []aim.Cure {
	options := v.options()
	if v.ranks > 1 {
		return v.gangCure(options, v.ranks-v.fit())
	}
	var cures []aim.Cure
	seen := map[uint32]bool{}
	for i := range options {
		if o := &options[i]; !seen[o.rules] && len(cures) < maxCures {
			seen[o.rules] = true
			cures = append(cures, aim.Cure{Steps: o.steps})
		}
	}
	if len(cures) == 0 {
		return v.join(1)
	}
	return cures
}

func (v *Run) gangCure(options []option, lacking int) []aim.Cure {
	if len(options) < lacking {
		return v.join(lacking)
	}
	var cure aim.Cure
	for i := range options[:lacking] {
		for _, s := range options[i].steps {
			cure.Steps = addStep(cure.Steps, s)
		}
	}
	return []aim.Cure{cure}
}

// addStep leaves out the end of a deployment that ends already.
func addStep(steps []aim.CureStep, s aim.CureStep) []aim.CureStep {
	again := func(o aim.CureStep) bool { return o.Do == aim.CureStop && o.Deployment == s.Deployment }
	if s.Do == aim.CureStop && slices.ContainsFunc(steps, again) {
		return steps
	}
	return append(steps, s)
}

func (v *Run) join(n int) []aim.Cure {
	text := "join a node with " + v.class.needs()
	if v.ranks > 1 {
		text = fmt.Sprintf("join %d more %s with %s", n, plural(n, "node", "nodes"), v.class.needs())
	}
	return []aim.Cure{{Steps: []aim.CureStep{{Do: aim.CureJoin, Text: text}}}}
}

// NearNodes is how many nodes are looked at for room that others could make, those
// first that lack least: what is farther from fitting costs more.
const NearNodes = 16

// options lists what would make nodes fit, the cheapest first. Nodes that several
// rules turn away are looked at only where the others are not enough.
func (v *Run) options() []option {
	most := max(NearNodes, v.ranks)
	all := v.optionsOf(v.turnedAway(func(d *verdict) bool { return d.only != several }), most, nil)
	for i := range v.odd {
		all = v.optionOn(v.odd[i].m, all)
	}
	if len(all) < v.ranks-v.fit() || len(all) == 0 {
		all = v.optionsOf(v.turnedAway(func(d *verdict) bool { return d.only == several }), most, all)
	}
	slices.SortFunc(all, func(a, b option) int { return a.compare(&b) })
	return all
}

// turnedAway lists the classes of nodes that do not fit, those first that have the
// most free GPUs.
func (v *Run) turnedAway(that func(*verdict) bool) []int32 {
	var ids []int32
	for id, n := range v.p.fleet.Counts() {
		if n == 0 {
			continue // perhaps never judged
		}
		if d := &v.class.verdicts[id]; d.reason != fits && that(d) {
			ids = append(ids, int32(id))
		}
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return int(v.class.verdicts[b].free - v.class.verdicts[a].free) })
	return ids
}

// optionsOf adds those on the first nodes of the classes: for each reason so many of
// them, and all that lack no more than the last of these.
func (v *Run) optionsOf(classes []int32, most int, all []option) []option {
	looked, last := map[int16]int{}, map[int16]int16{}
	for _, id := range classes {
		d := &v.class.verdicts[id]
		if looked[d.reason] >= most && d.free < last[d.reason] {
			continue
		}
		n, f := 0, bitset.Filter{}
		for slot := v.p.fleet.Next(id, 0, &f); slot >= 0 && n < most; slot = v.p.fleet.Next(id, slot+1, &f) {
			if v.reasonAt(slot) != d.reason || v.request.Avoid[v.p.fleet.At(slot).ID()] != "" { // these are odd
				continue
			}
			before := len(all)
			if all = v.optionOn(v.p.fleet.At(slot), all); len(all) == before && v.class.reasons[d.reason].lasting {
				break // what no node of this make can become
			}
			n++
		}
		looked[d.reason], last[d.reason] = looked[d.reason]+n, d.free
	}
	return all
}

// optionOn adds what would make one node fit, if anything would.
func (v *Run) optionOn(m *fleet.Node, all []option) []option {
	o := option{m: m}
	room := false
	for _, f := range v.failuresOf(m, v.request.Avoid[m.ID()]) {
		o.rules |= 1 << f.rule
		if isRoom(f.rule) && !f.lasting {
			room = true
			continue
		}
		cost, step, ok := v.remedy(f, m)
		if !ok {
			return all
		}
		o.cost += cost
		o.steps = append(o.steps, step)
	}
	if room {
		cost, steps, ok := v.makeRoom(m)
		if !ok {
			return all
		}
		o.cost += cost
		o.steps = append(o.steps, steps...)
	}
	if len(o.steps) == 0 {
		return all
	}
	return append(all, o)
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
