package opportunity

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

const gib = 1 << 30

// mi300x is a node of eight GPUs with all free.
var mi300x = Node{Type: "MI300X", GPUs: 8, VRAMBytes: 192 * gib, CPUs: 192, HostBytes: 2048 * gib}

// fleet is a number of nodes by their state.
type fleet map[Free]int

// one makes an outlook over empty nodes of one kind that has seen these
// requests, each so often.
func one(n Node, nodes int, seen map[Ask]int) (*Model, Free) {
	o := New()
	empty := o.empty(n)
	for s, times := range seen {
		for range times {
			o.Learn(s)
		}
	}
	o.Refresh(maps.All(fleet{empty: nodes}), 0)
	return o, empty
}

func (o *Model) empty(n Node) Free {
	return Free{Kind: o.Kind(n), Whole: uint16(n.GPUs), CPUs: n.CPUs, HostBytes: n.HostBytes}
}

// with is the state after some whole GPUs are taken.
func (s Free) with(taken int) Free {
	s.Whole -= uint16(taken)
	return s
}

// TestWholeNodesStayWhole: where requests for whole nodes come too, a small one
// is cheaper on a node that is broken already; and so it is for one who has
// seen nothing yet.
func TestWholeNodesStayWhole(t *testing.T) {
	for name, seen := range map[string]map[Ask]int{
		"nothing seen": nil,
		"a mix":        {{GPUs: 1}: 60, {GPUs: 8}: 40},
	} {
		o, empty := one(mi300x, 1, seen)
		whole, broken := o.Cost(empty, empty.with(1)), o.Cost(empty.with(1), empty.with(2))
		if whole <= broken {
			t.Errorf("%s: the first GPU of a node costs %d, the second %d", name, whole, broken)
		}
	}
}

// TestNothingIsScarceWhileThereIsPlenty: the same choice is open in a fleet of
// whole nodes when hardly anybody asks for them.
func TestNothingIsScarceWhileThereIsPlenty(t *testing.T) {
	seen := map[Ask]int{{GPUs: 1}: 997, {GPUs: 8}: 3}
	plenty, empty := one(mi300x, 1000, seen)
	o := New()
	o.Kind(mi300x)
	for s, times := range seen {
		for range times {
			o.Learn(s)
		}
	}
	o.Refresh(maps.All(fleet{empty: 1, empty.with(4): 2000}), 0)
	if many, last := plenty.Cost(empty, empty.with(1)), o.Cost(empty, empty.with(1)); many >= last {
		t.Errorf("breaking one of 1,000 whole nodes costs %d, breaking the last %d", many, last)
	}
}

// TestWantedModelsAreDear: who may go anywhere goes where nobody has to.
func TestWantedModelsAreDear(t *testing.T) {
	o := New()
	wanted, other := mi300x, mi300x
	wanted.Type, other.Type = "MI325X", "MI210"
	a, b := o.empty(wanted), o.empty(other)
	for range 50 {
		o.Learn(Ask{GPUs: 1})
		o.Learn(Ask{GPUs: 1, Types: "MI325X"})
	}
	o.Refresh(maps.All(fleet{a: 10, b: 30}), 0)
	if there, elsewhere := o.Cost(a, a.with(1)), o.Cost(b, b.with(1)); there <= elsewhere {
		t.Errorf("a GPU of the type that half of all ask for costs %d, another %d", there, elsewhere)
	}
}

// TestWhatNobodyCanUseIsFree: a share that fills a GPU to the brim costs less
// than one that leaves a rest for which there are no takers.
func TestWhatNobodyCanUseIsFree(t *testing.T) {
	o, empty := one(mi300x, 10, map[Ask]int{{ShareBytes: 96 * gib}: 100})
	half, odd, full := empty.with(1), empty.with(1), empty.with(1)
	half.Parts[0], odd.Parts[0] = 500, 400
	if snug, wasteful := o.Cost(half, full), o.Cost(empty, odd); snug >= wasteful {
		t.Errorf("filling a half costs %d, leaving 40 %% that nobody asks for %d", snug, wasteful)
	}
}

// TestTheRarestLargeRequestIsExpected: the one machine that could take a
// request nobody made yet is not the first to be broken.
func TestTheRarestLargeRequestIsExpected(t *testing.T) {
	o := New()
	big := mi300x
	big.CPUs, big.HostBytes = 384, 4096*gib
	rare, common := o.empty(big), o.empty(mi300x)
	for range 40 {
		o.Learn(Ask{GPUs: 1, CPUs: 16, HostBytes: 128 * gib})
	}
	o.Refresh(maps.All(fleet{rare: 1, common: 50}), 0)
	after := func(s Free) Free {
		s = s.with(1)
		s.CPUs, s.HostBytes = s.CPUs-16, s.HostBytes-128*gib
		return s
	}
	if there, elsewhere := o.Cost(rare, after(rare)), o.Cost(common, after(common)); there <= elsewhere {
		t.Errorf("breaking the only big node costs %d, one of fifty others %d", there, elsewhere)
	}
}

// TestTheMixFollowsTheTimes: what was asked for long ago matters no more.
func TestTheMixFollowsTheTimes(t *testing.T) {
	o, empty := one(mi300x, 1, map[Ask]int{{GPUs: 8}: 200})
	before := o.Cost(empty, empty.with(1))
	for range 20 {
		for range memory {
			o.Learn(Ask{GPUs: 1})
		}
		o.Refresh(maps.All(fleet{empty: 1}), 0)
	}
	if after := o.Cost(empty, empty.with(1)); after >= before {
		t.Errorf("breaking the only whole node costs %d long after the last request for one, %d before", after, before)
	}
	if n := len(o.mix.order); n != 1 || len(o.mix.counts) != 1 {
		t.Errorf("%d asks remembered, want the one that is asked for", n)
	}
}

// TestSameHistorySameCosts: nothing depends on map order or chance.
func TestSameHistorySameCosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		asks := rapid.SliceOfN(drawAsk(), 1, 40).Draw(t, "asks")
		states := rapid.SliceOfN(drawFree(), 2, 6).Draw(t, "states")
		costs := func() (all []int) {
			o := New()
			o.Kind(mi300x)
			for _, s := range asks {
				o.Learn(s)
			}
			o.Refresh(func(yield func(Free, int) bool) {
				for i, s := range states {
					if !yield(s, i+1) {
						return
					}
				}
			}, 0.5)
			for _, a := range states {
				for _, b := range states {
					all = append(all, o.Cost(a, b))
				}
			}
			return all
		}
		first, second := costs(), costs()
		for i := range first {
			if first[i] != second[i] {
				t.Fatalf("cost %d is %d, then %d", i, first[i], second[i])
			}
			if first[i] != -first[(i%len(states))*len(states)+i/len(states)] {
				t.Fatalf("there and back costs %d and %d", first[i], first[(i%len(states))*len(states)+i/len(states)])
			}
		}
	})
}

// TestWhatHasAPriceWhileNobodyLeaves: where all is scarce, a ask that the
// streams show well is priced as far as requests leave again; one that they do
// not is priced always.
func TestWhatHasAPriceWhileNobodyLeaves(t *testing.T) {
	other := mi300x
	other.Type = "MI210"
	for _, c := range []struct {
		name   string
		kinds  []Node
		ask    Ask
		always bool
	}{
		{"one GPU anywhere", []Node{mi300x, other}, Ask{GPUs: 1}, false},
		{"a share", []Node{mi300x}, Ask{ShareBytes: 48 * gib}, false},
		{"the only type there is", []Node{mi300x}, Ask{GPUs: 1, Types: "MI300X"}, false},
		{"beside nodes without GPUs", []Node{mi300x, {CPUs: 64}}, Ask{GPUs: 1}, false},
		{"one type of two", []Node{mi300x, other}, Ask{GPUs: 1, Types: "MI300X"}, true},
		{"several GPUs at once", []Node{mi300x}, Ask{GPUs: 4}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := New()
			states := fleet{}
			for _, k := range c.kinds {
				states[o.empty(k)] = 1
			}
			for range firstLook {
				o.Learn(c.ask)
			}
			price := func(turnover float64) float64 {
				o.Refresh(maps.All(states), turnover)
				return o.ps[0].price
			}
			none, half, all, more := price(0), price(0.5), price(1), price(3)
			if c.always != (none > 0) || none >= half || half >= all || all != more {
				t.Errorf("the price is %v, then %v, %v, %v as more leaves again", none, half, all, more)
			}
		})
	}
}
