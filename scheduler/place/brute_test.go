package place

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"github.com/aim-engine/aim/scheduler/opportunity"
	"pgregory.net/rapid"
)

// slowBest looks at every node by itself, without sets, orders or groups, and
// returns the ids of the best ones.
func slowBest(p *Placer, req *aim.PlacementRequest, kind int32) []string {
	s := p.classOf(req, kind)
	var all []candidate
	for slot := range p.fleet.Len() {
		m := p.fleet.At(slot)
		o := p.offerOf(s, m.Class())
		failures := broken(s, m.Class(), &o)
		if slices.Contains(m.Report().Models, req.Model) {
			failures = slices.DeleteFunc(failures, func(f failure) bool { return f.rule == ruleDisk })
		}
		if _, avoided := req.Avoid[m.ID()]; avoided || len(failures) > 0 {
			continue
		}
		c := candidate{
			m: m, slot: m.Slot(), rating: p.rate(s, m.Class(), &o), replicas: m.Replicas(req),
			weights: slices.Contains(m.Report().Models, req.Model), image: slices.Contains(m.Report().Images, req.Image),
		}
		c.own()
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.better(&b) {
			return -1
		}
		return 1
	})
	var ids []string
	for _, c := range all {
		ids = append(ids, fmt.Sprintf("%s %d", c.m.ID(), c.score))
	}
	return ids
}

// TestTheIndexFindsWhatALookAtEveryNodeFinds: the groups, the orders of classes
// and the bounds of search.go leave nobody out.
func TestTheIndexFindsWhatALookAtEveryNodeFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := fleet.New()
		p := New(f)
		for _, n := range fleettest.RandomFleet(t).Nodes {
			f.Apply(n)
		}
		for range rapid.IntRange(1, 4).Draw(t, "requests") {
			req := fleettest.RandomRequest(t)
			want := slowBest(p, &req, 0)
			limit := rapid.IntRange(1, 6).Draw(t, "limit")
			v := p.begin(&req, 0)
			var got []string
			for _, c := range v.best(limit) {
				got = append(got, fmt.Sprintf("%s %d", c.m.ID(), c.score))
			}
			if v.fit() != len(want) || !slices.Equal(got, want[:min(limit, len(want))]) {
				t.Fatalf("found %q of %d that fit, want %q", got, v.fit(), want)
			}
		}
	})
}

// TestAnIndexThatHasSeenChangesIsTheOneBuiltAfresh: nodes come, change and go
// between decisions; the answer is the one of an index that was told only how
// things are in the end.
func TestAnIndexThatHasSeenChangesIsTheOneBuiltAfresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := fleet.New()
		placer := New(old)
		now := map[string]aim.FleetNode{}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			id := fmt.Sprintf("n%d", rapid.IntRange(0, 4).Draw(t, "node"))
			if old.Node(id) != nil && rapid.IntRange(0, 4).Draw(t, "leaves") == 0 {
				old.Remove(id)
				delete(now, id)
			} else {
				now[id] = fleettest.RandomNode(t, id)
				old.Apply(now[id])
			}
			req := fleettest.RandomRequest(t)
			placer.Decide(&req)
		}
		fresh := fleet.New()
		for _, n := range now {
			fresh.Apply(n)
		}
		req := fleettest.RandomRequest(t)
		// Prices depend on what has been asked, and on what hardware has been there.
		placer.costs = &costs{model: opportunity.New(), stale: true, epoch: placer.costs.epoch}
		placer.costs.meetPresent(old)
		got, want := placer.Decide(&req).Explained(), New(fresh).Decide(&req).Explained()
		if fmt.Sprint(got.Outcome, got, got.Reasons, got.Cures, got.Scores) != fmt.Sprint(want.Outcome, want, want.Reasons, want.Cures, want.Scores) {
			t.Fatalf("after changes %v %v %v\nbuilt afresh %v %v %v", got, got.Reasons, got.Scores, want, want.Reasons, want.Scores)
		}
	})
}

// TestMoreRequestClassesThanAreRemembered: what is forgotten is found out again.
func TestMoreRequestClassesThanAreRemembered(t *testing.T) {
	f := fleet.New()
	p := New(f)
	var nodes []aim.FleetNode
	for i := range 20 {
		n := fleettest.MI300X(i)
		n.DiskFree, n.Labels = uint64(i)<<34, map[string]string{"zone": fmt.Sprint(i)}
		nodes = append(nodes, n)
		f.Apply(n)
	}
	ask := func(i int) aim.PlacementRequest {
		r := aim.PlacementRequest{Deployment: "d", UID: "u", Token: "t", GPUs: 1 + i%8, DiskBytes: uint64(i) << 28}
		if i%3 == 0 {
			r.Selector = map[string]string{"zone": fmt.Sprint(i % 25)}
		}
		return r
	}
	for i := range maxRequestClasses * 5 / 2 {
		req := ask(i)
		d := p.Decide(&req).Explained()
		if i%100 != 0 {
			continue
		}
		afresh := fleet.New()
		for _, n := range nodes {
			afresh.Apply(n)
		}
		if want := New(afresh).Decide(&req).Explained(); d.Outcome != want.Outcome || fmt.Sprint(d.Reasons) != fmt.Sprint(want.Reasons) {
			t.Fatalf("request %d: %s, want %s", i, d, want)
		}
	}
	if len(p.classes) > maxRequestClasses || f.Sizes() > maxRequestClasses {
		t.Errorf("%d classes of requests and %d sizes are remembered", len(p.classes), f.Sizes())
	}
}

// meetPresent learns of the hardware that is in the fleet now, in the order of its
// nodes, as a fleet built afresh would.
func (c *costs) meetPresent(f *fleet.Fleet) {
	for range f.Hardware() {
		c.hardware = append(c.hardware, hardwareCosts{})
	}
	known := map[int]bool{}
	for slot := range f.Len() {
		h := f.At(slot).Hardware()
		if known[h.ID] {
			continue
		}
		known[h.ID] = true
		one := costs{model: c.model}
		one.meet([]*fleet.Hardware{h})
		c.hardware[h.ID] = one.hardware[0]
	}
}
