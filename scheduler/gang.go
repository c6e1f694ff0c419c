package scheduler

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

// decideGang places a replica that spans nodes: all ranks or none, on nodes
// whose GPUs are of one kind. Every kind in the fleet is tried; the kind with
// the best sum of scores wins, and one that cannot be placed is explained by
// the kind that comes nearest.
func decideGang(w wish, views []*view) aim.Decision {
	var best []scored
	var bestAll, nearest []assessment
	kinds := kindsOf(w, views)
	for i := range kinds {
		w.kind = &kinds[i]
		all := assessAll(w, views)
		fit := candidates(all)
		if nearest == nil || nearness(w, all) > nearness(w, nearest) {
			nearest = all
		}
		if len(fit) < w.Nodes {
			continue
		}
		ranked := onRails(w, rank(w, fit, 0))
		if best == nil || sum(ranked[:w.Nodes]) > sum(best[:w.Nodes]) {
			best, bestAll = ranked, all
		}
	}
	if best != nil {
		return explainPlaced(w, bestAll, best, w.Nodes)
	}
	w.kind = nil
	if nearest == nil {
		nearest = assessAll(w, views)
	}
	return explainNone(w, nearest)
}

// nearness orders kinds that cannot be placed: by whether they ever could, then
// by how many nodes fit now.
func nearness(w wish, all []assessment) int {
	n := len(candidates(all))
	if possible(all) >= w.Nodes {
		n += len(all) + 1
	}
	return n
}

// onRails chooses GPUs again so that all ranks use those at the same positions
// where they can: the NIC of the k-th GPU of one node then talks to that of the
// next over one switch. The best node sets the positions.
func onRails(w wish, ranked []scored) []scored {
	fit := make([]assessment, len(ranked))
	for i, s := range ranked {
		fit[i] = s.assessment
	}
	return rank(w, fit, ranked[0].choice.boards)
}

// kindsOf lists the kinds of GPUs that the fleet has of the wanted type.
func kindsOf(w wish, views []*view) []kind {
	var kinds []kind
	for _, v := range views {
		for i := range v.pools {
			k := v.pools[i].kind
			if (w.GPUType == "" || k.gpuType == w.GPUType) && !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	slices.SortFunc(kinds, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.gpuType, b.gpuType), cmp.Compare(a.partitions, b.partitions),
			cmp.Compare(a.compute, b.compute), cmp.Compare(a.memory, b.memory))
	})
	return kinds
}

func sum(ranked []scored) float64 {
	total := 0.0
	for _, s := range ranked {
		total += s.score.Score
	}
	return total
}
