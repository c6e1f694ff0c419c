package topology_test

import (
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/internal/fleettest"
	"github.com/aim-engine/aim/scheduler/topology"
	"pgregory.net/rapid"
)

// TestChoiceIsTheBestSet compares the choice on whole GPUs with a slow model
// that knows neither masks nor boards.
func TestChoiceIsTheBestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := fleettest.RandomNode(t, "n0")
		for i := range n.GPUs {
			n.GPUs[i].Type = "MI300X"
		}
		n.GPUs = slices.DeleteFunc(n.GPUs, func(g aim.GPU) bool { return g.Partitions != 1 })
		var listed []*aim.GPU
		var numbers []int
		order := topology.ByAddress(&n.Node)
		free := topology.Mask{}
		for d, place := range order {
			listed, numbers = append(listed, &n.GPUs[place]), append(numbers, d)
			if slices.ContainsFunc(freeGPUs(n), func(g aim.GPU) bool { return g.ID == n.GPUs[place].ID }) {
				free.Add(d)
			}
		}
		if free.Count() == 0 {
			t.Skip("no free GPU")
		}
		want := rapid.IntRange(1, free.Count()).Draw(t, "n")
		got := topology.NewLayout(listed, numbers).Choose(free, want, 0)
		for subset := range subsets(freeGPUs(n), want) {
			if missing, span := slowRating(subset); missing < got.Missing || missing == got.Missing && span < got.Span {
				t.Fatalf("chose %+v, but %d GPUs with %d pairs missing and %d NUMA nodes exist", got, want, missing, span)
			}
		}
		var chosen []aim.GPU
		for d := range got.GPUs.All {
			chosen = append(chosen, n.GPUs[order[d]])
		}
		if missing, span := slowRating(chosen); len(chosen) != want || missing != got.Missing || span != got.Span {
			t.Fatalf("chose %+v for %d; counted %d pairs missing, %d NUMA nodes", got, want, missing, span)
		}
	})
}

func freeGPUs(n aim.FleetNode) []aim.GPU {
	n.Liveness = aim.Alive
	return slices.DeleteFunc(slices.Clone(n.GPUs), func(g aim.GPU) bool {
		state, _ := n.StateOf(g)
		return state != aim.GPUFree
	})
}

// slowRating counts the pairs without a link, and the NUMA nodes; one that is
// not known counts as a node of its own.
func slowRating(gpus []aim.GPU) (missing, span int) {
	var numas []int
	for i, a := range gpus {
		numa := -1
		if a.CPUNode != nil {
			numa = *a.CPUNode
		}
		if !slices.Contains(numas, numa) {
			numas = append(numas, numa)
		}
		for _, b := range gpus[:i] {
			linked := slices.ContainsFunc(a.Peers, func(p aim.Peer) bool { return p.ID == b.ID }) ||
				slices.ContainsFunc(b.Peers, func(p aim.Peer) bool { return p.ID == a.ID })
			if !linked {
				missing++
			}
		}
	}
	return missing, len(numas)
}

func subsets(gpus []aim.GPU, n int) func(yield func([]aim.GPU) bool) {
	return func(yield func([]aim.GPU) bool) {
		for set := range 1 << len(gpus) {
			var subset []aim.GPU
			for i := range gpus {
				if set&(1<<i) != 0 {
					subset = append(subset, gpus[i])
				}
			}
			if len(subset) == n && !yield(subset) {
				return
			}
		}
	}
}
