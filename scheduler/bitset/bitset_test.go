package bitset

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestASetIsAMapOfBool: after any changes it has the members, the count and the order
// that the plain way has, through any filter.
func TestASetIsAMapOfBool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sets [3]Set
		plain := [3]map[int]bool{{}, {}, {}}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			i, slot := rapid.IntRange(0, 2).Draw(t, "set"), rapid.IntRange(0, 9000).Draw(t, "slot")
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				sets[i].Remove(slot)
				delete(plain[i], slot)
			} else {
				sets[i].Add(slot)
				plain[i][slot] = true
			}
		}
		f := Filter{In: []*Set{&sets[1]}, Out: []*Set{&sets[2]}}
		var got, want []int
		for slot := sets[0].Next(0, &f); slot >= 0; slot = sets[0].Next(slot+1, &f) {
			got = append(got, slot)
		}
		shared := 0
		for _, slot := range slices.Sorted(maps.Keys(plain[0])) {
			if plain[1][slot] {
				shared++
				if !plain[2][slot] {
					want = append(want, slot)
				}
			}
		}
		if !slices.Equal(got, want) || sets[0].Size != len(plain[0]) || sets[0].Shared(&sets[1]) != shared {
			t.Fatalf("found %v of %d, %d shared; want %v of %d, %d", got, sets[0].Size, sets[0].Shared(&sets[1]), want, len(plain[0]), shared)
		}
	})
}
