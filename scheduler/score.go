package scheduler

import "github.com/aim-engine/aim"

// Weights of the score. They are apart far enough that the order of importance
// is plain: speed of the replica for as long as it lives, then safety of the
// deployment, then time to start, then room for those who come later. Only a
// long sum of lesser terms outweighs a greater one.
const (
	// A pair of GPUs without xGMI talks over PCIe at a fraction of the speed,
	// for every token.
	weightXGMI = -100
	// A reset of one GPU takes its whole xGMI hive along, so a node is one
	// failure domain: another replica of the deployment there is a bad bet.
	weightSpread = -40
	// Fetching weights takes minutes to an hour; they are there already.
	weightWeights = 20
	// Breaking up a node that is entirely free: under churn all pain falls on
	// requests for a whole node.
	weightWhole = -8
	// A NUMA node beyond the first costs host-side latency only.
	weightNUMA = -6
	// Pulling a server image (about 10 GB compressed) takes minutes.
	weightImage = 5
	// Free GPUs left in the NUMA nodes touched, in eighths of the pool: a four
	// that stays whole serves a four later.
	weightLeftNUMA = -2
	// Free GPUs left on the node, in eighths of the pool: the fullest node that
	// still fits leaves the emptier ones for larger requests (best fit).
	weightLeft = -1
)

// scoreOf adds up the terms of a node and the GPUs chosen on it; higher is
// better. All terms are listed, those of no effect too.
func scoreOf(w wish, a assessment, c choice) aim.NodeScore {
	_, free := a.offer.pool.count(0)
	eighths := 8 / float64(len(a.offer.pool.devices))
	left := free - w.GPUs
	terms := []aim.Term{
		term("xgmi pairs missing", weightXGMI, float64(c.missing)),
		term("replicas of the deployment", weightSpread, float64(replicasOf(w, a.view.node))),
		term("weights cached", weightWeights, truth(hasModel(w, a.view))),
		term("whole node broken up", weightWhole, truth(left > 0 && free == len(a.offer.pool.devices))),
		term("numa nodes spanned", weightNUMA, float64(c.span-1)),
		term("image cached", weightImage, truth(hasImage(w, a.view))),
		term("left in the numa nodes", weightLeftNUMA, float64(c.leftNUMA)*eighths),
		term("left on the node", weightLeft, float64(left)*eighths),
	}
	score := aim.NodeScore{Node: a.view.node.ID, Terms: terms}
	for _, t := range terms {
		score.Score += t.Value
	}
	return score
}

// replicasOf counts the deployment's other replicas on the node. An earlier
// attempt of the same replica is not one: it leaves when this one stands.
func replicasOf(w wish, n *aim.FleetNode) int {
	ordinals := map[int]bool{}
	for _, c := range n.Claims {
		if c.UID == w.UID && c.Deployment == w.Deployment && c.Ordinal != w.Ordinal {
			ordinals[c.Ordinal] = true
		}
	}
	return len(ordinals)
}

// term avoids the -0 that a negative weight makes of nothing.
func term(name string, weight, n float64) aim.Term {
	if n == 0 {
		return aim.Term{Name: name}
	}
	return aim.Term{Name: name, Value: weight * n}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
