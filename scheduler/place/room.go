package place

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/topology"
)

// room is what could make a node have room for the request: those who would have to
// leave it, by deployment, and GPUs that would have to be mended.
type room struct {
	v       *Run
	m       *fleet.Node
	tenants []tenant // without those of the deployment that asks: that would gain nothing
	idle    []int    // GPUs that nobody claims and that cannot be given out
}

// tenant is what one deployment holds on the node.
type tenant struct {
	name     string
	holders  []fleet.Holder
	gpus     topology.Mask
	stopping bool // all of it is on its way out already
}

// makeRoom finds the least that has to happen so that the node has room, and what that
// costs others, so that cures of several nodes can be compared. The first of these that
// is enough by itself is the answer:
//
//	waiting        who is stopping leaves                       costSetting
//	mending        GPUs that nobody has and that are broken     costRepair + GPUs
//	stopping one   who waits with a reservation, or the         costStop + GPUs of theirs
//	               deployment that holds the fewest GPUs
//	several        deployments and broken GPUs together         costSeveral + GPUs of both
//
// For 4 GPUs on a node of 8, where big/0 has 4, small/0 and tiny/0 have 1 each and two
// are broken: mending gives 2 and small or tiny 1, which is not enough; big alone is,
// and is the answer, though small, tiny and the two broken ones would do as well. Nobody
// is asked to end who need not (least).
func (v *Run) makeRoom(m *fleet.Node) (cost int, steps []aim.CureStep, ok bool) {
	r := room{v: v, m: m, tenants: v.tenantsOf(m)}
	offer := v.p.offerOf(v.class, m.Class())
	for d := range m.Unclaimed(offer.mask.And(m.Broken())).All {
		r.idle = append(r.idle, d)
	}
	stopping := r.stopping()
	if len(stopping) > 0 && r.enough(stopping, nil) {
		return costSetting, r.steps(r.least(stopping, nil)), true
	}
	if r.enough(nil, r.idle) {
		gone, mended := r.least(nil, r.idle)
		return costRepair + len(mended), r.steps(gone, mended), true
	}
	if m.Class().For != "" && v.lacksOnlyHeld(m) {
		return costStop, []aim.CureStep{stopReserved(m)}, true
	}
	var best *tenant
	for i := range r.tenants {
		if t := &r.tenants[i]; r.enough([]tenant{*t}, nil) && (best == nil || t.before(best)) {
			best = t
		}
	}
	if best != nil {
		return costStop + best.gpus.Count(), r.steps([]tenant{*best}, nil), true
	}
	if !r.enough(r.tenants, r.idle) {
		return 0, nil, false
	}
	gone, mended := r.least(r.tenants, r.idle)
	for _, t := range gone {
		cost += t.gpus.Count()
	}
	return costSeveral + cost + len(mended), r.steps(gone, mended), true
}

// tenantsOf lists who holds something on a node, in order of their names.
func (v *Run) tenantsOf(m *fleet.Node) []tenant {
	byName := map[string]*tenant{}
	for h := range m.Holders {
		name := h.Identity().Deployment
		if name == v.request.Deployment {
			continue
		}
		t, known := byName[name]
		if !known {
			t = &tenant{name: name, stopping: true}
			byName[name] = t
		}
		gpus, _ := h.Holds()
		t.holders, t.gpus, t.stopping = append(t.holders, h), t.gpus.Or(gpus), t.stopping && h.Stopping()
	}
	var all []tenant
	for _, t := range byName {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b tenant) int { return cmp.Compare(a.name, b.name) })
	return all
}

// before orders deployments by what their end takes from others.
func (t *tenant) before(o *tenant) bool {
	return cmp.Or(cmp.Compare(t.gpus.Count(), o.gpus.Count()), cmp.Compare(t.name, o.name)) < 0
}

func (r *room) stopping() []tenant {
	var all []tenant
	for _, t := range r.tenants {
		if t.stopping {
			all = append(all, t)
		}
	}
	return all
}

// enough tells whether the node has room once these have left it and those are mended:
// the node is judged by the rules as it would be then. Rules that have nothing to do
// with room are not asked; the caller looks at nodes that break no such rule.
func (r *room) enough(gone []tenant, mended []int) bool {
	var holders []fleet.Holder
	for _, t := range gone {
		holders = append(holders, t.holders...)
	}
	var gpus topology.Mask
	for _, d := range mended {
		gpus.Add(d)
	}
	c := r.v.p.fleet.ClassWithout(r.m, holders, gpus)
	o := r.v.p.offerOf(r.v.class, &c)
	for _, f := range broken(r.v.class, &c, &o) {
		if isRoom(f.rule) {
			return false
		}
	}
	return true
}

// least leaves out who may stay, those first who hold the most, and then what need not
// be mended. What is left is least in the sense that nobody of it can stay; a smaller
// set of others may exist, which is not looked for.
func (r *room) least(gone []tenant, mended []int) ([]tenant, []int) {
	gone, mended = slices.Clone(gone), slices.Clone(mended)
	byHeld := slices.Clone(gone)
	slices.SortFunc(byHeld, func(a, b tenant) int {
		return cmp.Or(cmp.Compare(b.gpus.Count(), a.gpus.Count()), cmp.Compare(a.name, b.name))
	})
	for _, t := range byHeld {
		without := slices.DeleteFunc(slices.Clone(gone), func(o tenant) bool { return o.name == t.name })
		if r.enough(without, mended) {
			gone = without
		}
	}
	for i := len(mended) - 1; i >= 0; i-- {
		if without := slices.Delete(slices.Clone(mended), i, i+1); r.enough(gone, without) {
			mended = without
		}
	}
	return gone, mended
}

func (r *room) steps(gone []tenant, mended []int) []aim.CureStep {
	var steps []aim.CureStep
	for _, t := range gone {
		steps = append(steps, r.leave(t))
	}
	return append(steps, mend(r.m, mended)...)
}

// leave is what makes one deployment leave the node.
func (r *room) leave(t tenant) aim.CureStep {
	var names []string
	for _, h := range t.holders {
		names = append(names, h.Name())
	}
	slices.Sort(names)
	who := strings.Join(slices.Compact(names), " and ")
	s := aim.CureStep{Node: r.m.ID(), Deployment: t.name}
	if t.stopping {
		s.Do, s.Text = aim.CureAwait, fmt.Sprintf("wait until %s, which is stopping, has left %s", who, r.m.ID())
		return s
	}
	s.Do, s.Command = aim.CureStop, "aim stop "+t.name
	what, n := "room", t.gpus.Count()
	if n > 0 {
		what = fmt.Sprintf("%d %s", n, plural(n, "GPU", "GPUs"))
		if _, share := t.holders[0].Holds(); share > 0 {
			what = plural(n, "a share of a GPU", "shares of GPUs")
		}
	}
	s.Text = fmt.Sprintf("%s %s %s of %s", who, plural(len(t.holders), "holds", "hold"), what, r.m.ID())
	return s
}

// lacksOnlyHeld: all that the node lacks is held for one who comes first.
func (v *Run) lacksOnlyHeld(m *fleet.Node) bool {
	offer := v.p.offerOf(v.class, m.Class())
	for _, f := range broken(v.class, m.Class(), &offer) {
		if isRoom(f.rule) && f.rule != ruleReserved {
			return false
		}
	}
	return true
}

func stopReserved(m *fleet.Node) aim.CureStep {
	name, _, _ := strings.Cut(m.Class().For, "/")
	return aim.CureStep{
		Do: aim.CureStop, Node: m.ID(), Deployment: name, Command: "aim stop " + name,
		Text: fmt.Sprintf("what has become free on %s is reserved for %s", m.ID(), m.Class().For),
	}
}
