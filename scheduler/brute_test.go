package scheduler

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"pgregory.net/rapid"
)

// slowBest looks at every node by itself, without sets, orders or groups, and
// returns the ids of the best ones.
func slowBest(x *index, req *aim.Request, k int32) []string {
	s := x.shapeOf(req, k)
	var all []candidate
	for _, m := range x.order {
		o := x.book.offerOf(s, m.class)
		failures := broken(s, m.class, &o, nil)
		if slices.Contains(m.node.Models, req.Model) {
			failures = slices.DeleteFunc(failures, func(f failure) bool { return f.rule == ruleDisk })
		}
		if _, avoided := req.Avoid[m.node.ID]; avoided || len(failures) > 0 {
			continue
		}
		c := candidate{
			m: m, slot: m.slot, rating: x.rate(s, m.class, &o), replicas: m.replicas(req),
			weights: slices.Contains(m.node.Models, req.Model), image: slices.Contains(m.node.Images, req.Image),
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
		ids = append(ids, fmt.Sprintf("%s %d", c.m.node.ID, c.score))
	}
	return ids
}

// TestTheIndexFindsWhatALookAtEveryNodeFinds: the groups, the orders of classes
// and the bounds of best.go leave nobody out.
func TestTheIndexFindsWhatALookAtEveryNodeFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex()
		for _, n := range drawFleet(t).Nodes {
			x.apply(n)
		}
		for range rapid.IntRange(1, 4).Draw(t, "requests") {
			req := drawRequest(t)
			want := slowBest(x, &req, 0)
			limit := rapid.IntRange(1, 6).Draw(t, "limit")
			v := x.begin(&req, nil, 0)
			var got []string
			for _, c := range v.best(limit) {
				got = append(got, fmt.Sprintf("%s %d", c.m.node.ID, c.score))
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
		old := newIndex()
		now := map[string]aim.FleetNode{}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			id := fmt.Sprintf("n%d", rapid.IntRange(0, 4).Draw(t, "node"))
			if m := old.byID[id]; m != nil && rapid.IntRange(0, 4).Draw(t, "leaves") == 0 {
				old.leave(m)
				delete(now, id)
			} else {
				now[id] = drawAnyNode(t, id)
				m, _, _ := old.apply(now[id])
				old.move(m)
			}
			req := drawRequest(t)
			old.decide(&req, nil)
		}
		fresh := newIndex()
		for _, n := range now {
			fresh.apply(n)
		}
		req := drawRequest(t)
		newOutlook(old)
		newOutlook(fresh)
		got, want := explained(old.decide(&req, nil)), explained(fresh.decide(&req, nil))
		if fmt.Sprint(got.Outcome, got, got.Reasons, got.Cures, got.Scores) != fmt.Sprint(want.Outcome, want, want.Reasons, want.Cures, want.Scores) {
			t.Fatalf("after changes %v %v %v\nbuilt afresh %v %v %v", got, got.Reasons, got.Scores, want, want.Reasons, want.Scores)
		}
	})
}

// TestWordsComeAfterTheFact: an explanation that is asked for when the placement
// counts as taken already is the one that would have been given before.
func TestWordsComeAfterTheFact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := New(Options{}), New(Options{})
		for _, n := range drawFleet(t).Nodes {
			before.Apply(n)
			after.Apply(n)
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "requests") {
			req := drawRequest(t)
			req.Token = fmt.Sprint("token", i)
			before.x.outlook.learn(&req)
			before.replace(&req)
			v := before.decide(&req)
			want := explained(v)
			if want.Outcome == aim.Place {
				before.assume(&req, v.chosen, want.Placement, time.Time{})
			}
			got := after.Place(req, time.Time{})
			after.Explain(&got)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("explained before: %v %v %v\nafter: %v %v %v", want, want.Reasons, want.Scores, got, got.Reasons, got.Scores)
			}
		}
	})
}

// TestMoreShapesThanAreRemembered: what is forgotten is found out again.
func TestMoreShapesThanAreRemembered(t *testing.T) {
	s := New(Options{})
	var fleet aim.Fleet
	for i := range 20 {
		n := benchNode(i)
		n.DiskFree, n.Labels = uint64(i)<<34, map[string]string{"zone": fmt.Sprint(i)}
		fleet.Nodes = append(fleet.Nodes, n)
		s.Apply(n)
	}
	ask := func(i int) aim.Request {
		r := aim.Request{Deployment: "d", UID: "u", Token: "t", GPUs: 1 + i%8, DiskBytes: uint64(i) << 28}
		if i%3 == 0 {
			r.Selector = map[string]string{"zone": fmt.Sprint(i % 25)}
		}
		return r
	}
	for i := range maxShapes * 5 / 2 {
		d := s.Place(ask(i), time.Time{})
		if i%100 != 0 {
			continue
		}
		s.Explain(&d)
		if want := Place(ask(i), fleet); d.Outcome != want.Outcome || fmt.Sprint(d.Reasons) != fmt.Sprint(want.Reasons) {
			t.Fatalf("request %d: %s, want %s", i, d, want)
		}
	}
	if len(s.x.shapes) > maxShapes || len(s.x.book.disks) > maxShapes {
		t.Errorf("%d shapes and %d sizes are remembered", len(s.x.shapes), len(s.x.book.disks))
	}
}

func explained(v *round) aim.Decision {
	d := v.decision()
	v.explain(&d)
	return d
}

// newOutlook makes the index forget what has been asked, and which kinds of node
// have been there: prices depend on it, and it is not the index's own.
func newOutlook(x *index) {
	p := newProspects()
	p.round = x.outlook.round + 1
	x.outlook = p
	for _, m := range x.order {
		p.meet(m.chassis)
	}
}
