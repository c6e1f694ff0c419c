package scheduler

import (
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"pgregory.net/rapid"
)

// TestChoiceIsTheBestSet compares the choice on whole GPUs with a slow model
// that knows neither masks nor boards.
func TestChoiceIsTheBestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawAnyNode(t, "n0")
		for i := range n.GPUs {
			n.GPUs[i].Type = "MI300X"
		}
		n.GPUs = slices.DeleteFunc(n.GPUs, func(g aim.GPU) bool { return g.Partitions != 1 })
		x := newIndex()
		m, _, _ := x.apply(n)
		x.settle()
		if len(m.chassis.pools) == 0 || m.class.free.count() == 0 {
			t.Skip("no free GPU")
		}
		want := rapid.IntRange(1, m.class.free.count()).Draw(t, "n")
		got := m.chassis.pools[0].choose(m.class.free, want, 0)
		for subset := range subsets(freeGPUs(n), want) {
			if missing, span := slowRating(subset); missing < got.missing || missing == got.missing && span < got.span {
				t.Fatalf("chose %+v, but %d GPUs with %d pairs missing and %d NUMA nodes exist", got, want, missing, span)
			}
		}
		var chosen []aim.GPU
		for d := range got.devices.all {
			chosen = append(chosen, *m.gpu(d))
		}
		if missing, span := slowRating(chosen); len(chosen) != want || missing != got.missing || span != got.span {
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

// TestALargeMachineIsStillPlaced: where there are too many sets to try all, runs
// of neighbours are enough.
func TestALargeMachineIsStillPlaced(t *testing.T) {
	n := drawNode(t, "n1 MI300X a........|.a........|.........|........b")
	for _, gpus := range []int{1, 9, 17, 33} {
		d := Place(aim.Request{Deployment: "x", GPUs: gpus}, aim.Fleet{Nodes: []aim.FleetNode{n}})
		if d.Outcome != aim.Place || len(d.Placement.Ranks[0].GPUs) != gpus {
			t.Errorf("%d of 34 free GPUs: %+v", gpus, d)
		}
	}
}
