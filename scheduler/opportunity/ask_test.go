package opportunity

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawAsk() *rapid.Generator[Ask] {
	return rapid.Custom(func(t *rapid.T) Ask {
		s := Ask{
			GPUs:      rapid.IntRange(0, 8).Draw(t, "gpus"),
			CPUs:      rapid.IntRange(0, 64).Draw(t, "cpus"),
			HostBytes: rapid.Uint64Range(0, 512).Draw(t, "host") * gib,
			Types:     rapid.SampledFrom([]string{"", "MI300X", "MI250X|MI300X"}).Draw(t, "types"),
		}
		if s.GPUs == 0 {
			s.ShareBytes = rapid.Uint64Range(0, 192).Draw(t, "share") * gib
		}
		return s
	})
}

func drawFree() *rapid.Generator[Free] {
	return rapid.Custom(func(t *rapid.T) Free {
		s := Free{
			Whole:     uint16(rapid.IntRange(0, 8).Draw(t, "whole")),
			CPUs:      rapid.IntRange(0, 192).Draw(t, "cpus"),
			HostBytes: rapid.Uint64Range(0, 2048).Draw(t, "host") * gib,
		}
		parts := rapid.SliceOfN(rapid.Uint16Range(0, 999), 0, 8-int(s.Whole)).Draw(t, "parts")
		slices.Sort(parts)
		slices.Reverse(parts)
		copy(s.Parts[:], parts)
		return s
	})
}

// TestSlotsIsHowOftenItFits: the count agrees with placing the ask until it
// fits no more, which takes exactly what it asks for each time.
func TestSlotsIsHowOftenItFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDemand(drawAsk().Draw(t, "ask"), 1, []Node{mi300x})
		s := drawFree().Draw(t, "state")
		want, placed := d.slots(&s), 0
		for {
			free := s.free()
			if !d.place(&s) {
				break
			}
			placed++
			if took := free - s.free(); took != int(d.size()) {
				t.Fatalf("%+v took %d thousandths, not %v", d.Ask, took, d.size())
			}
			if !slices.IsSortedFunc(s.Parts[:], func(a, b uint16) int { return int(b) - int(a) }) {
				t.Fatalf("parts out of order: %v", s.Parts)
			}
		}
		if placed != want {
			t.Fatalf("%+v fits %d times, slots says %d", d.Ask, placed, want)
		}
	})
}

// TestWhoNeedsASlotFitsThere: where a stricter ask fits, so does the other.
func TestWhoNeedsASlotFitsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []Node{mi300x}
		a := newDemand(drawAsk().Draw(t, "a"), 1, kinds)
		b := newDemand(drawAsk().Draw(t, "b"), 1, kinds)
		s := drawFree().Draw(t, "state")
		if a.needs(&b) && a.slots(&s) > b.slots(&s) {
			t.Fatalf("%+v fits %d times and %+v only %d, though it needs such slots", a.Ask, a.slots(&s), b.Ask, b.slots(&s))
		}
	})
}

func TestTakes(t *testing.T) {
	for _, c := range []struct {
		ask  Ask
		want uint16
	}{
		{Ask{GPUs: 2}, 1000},
		{Ask{ShareBytes: 48 * gib}, 250},
		{Ask{ShareBytes: 1}, 1},                      // never nothing
		{Ask{ShareBytes: 193 * gib}, 0},              // more than a GPU has
		{Ask{GPUs: 1, VRAMBytes: 256 * gib}, 0},      // needs a larger GPU
		{Ask{GPUs: 1, Types: "MI250X|MI300X"}, 1000}, // names this one
		{Ask{GPUs: 1, Types: "MI300A|MI300XHF"}, 0},  // names others
		{Ask{CPUs: 4}, 0},                            // wants no GPU
	} {
		if got := c.ask.takes(mi300x); got != c.want {
			t.Errorf("%+v takes %d thousandths, want %d", c.ask, got, c.want)
		}
	}
}

func TestLeading(t *testing.T) {
	for v, want := range map[uint64]uint64{0: 0, 15: 15, 16: 16, 17: 16, 31: 30, 120_000: 114_688} {
		if got := leading(v, 4); got != want {
			t.Errorf("four leading bits of %d are %d, want %d", v, got, want)
		}
	}
}

// TestKindsAreNumbered: the same node has the same number, and there are never
// more than fit.
func TestKindsAreNumbered(t *testing.T) {
	o := New()
	first := o.Kind(mi300x)
	for i := range 300 {
		o.Kind(Node{Type: "other", CPUs: i})
	}
	if o.Kind(mi300x) != first || o.Kind(Node{Type: "other", CPUs: 299}) != 254 {
		t.Error("a kind lost its number")
	}
}
