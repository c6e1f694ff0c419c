package place

import (
	"math"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/topology"
)

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
	// A NUMA node beyond the first costs host-side latency only.
	weightNUMA = -6
	// Pulling a server image (about 10 GB compressed) takes minutes.
	weightImage = 5
	// Free GPUs left in the NUMA nodes touched, in eighths of the pool: a four
	// that stays whole serves a four later.
	weightLeftNUMA = -2
	// What a placement costs those who come later is worth at most this much,
	// half of it at 1.6 GPUs. It is bounded because a price has no upper end where
	// something is scarce, and this term must not undo those above.
	weightOpportunity = -16
	// point is one point of the score in the units that scores are kept in: fine
	// enough that no two costs become one by the bound.
	point = 1 << 14
)

// bounded is an opportunity cost, in twentieths of a GPU, as a term of the score. It
// keeps the order of costs:
//
//	cost    0     8    32   100   1000
//	term    0  -3.2    -8   -12  -15.5
func bounded(cost int) int {
	const half = 32 // 1.6 GPUs
	if cost < 0 {
		return -bounded(-cost)
	}
	return weightOpportunity * point * cost / (cost + half)
}

// rating is which GPUs nodes of a class give to a class of requests, and what that is worth
// on each of them alike.
type rating struct {
	pool       *fleet.Pool // nil for those who need no GPU
	choice     *topology.Choice
	shared     bool // the GPU is shared already
	terms      classTerms
	score      int    // sum of the terms
	priceEpoch uint64 // that they are of, see costs
}

// classTerms are the terms that all nodes of a class have in common.
type classTerms struct{ xgmi, numa, leftNUMA, opportunity int }

// candidate is a node that fits. Its score is the class's with what is its own.
type candidate struct {
	m              *fleet.Node
	slot           int // of m
	rating         *rating
	score          int
	weights, image bool
	replicas       int // of the deployment, on the node already
}

// rate chooses GPUs on a class that fits and scores them.
func (p *Placer) rate(s *RequestClass, c *fleet.Class, o *offer) *rating {
	r := &rating{pool: o.pool, choice: &topology.Choice{}}
	switch {
	case s.share > 0:
		r.choice, r.shared = p.chooseShare(s, c, o)
	case s.gpus > 0:
		r.choice = o.pool.Choose(c.Free.And(o.mask), s.gpus, 0)
	}
	r.terms.xgmi = weightXGMI * point * r.choice.Missing
	r.terms.numa = weightNUMA * point * max(r.choice.Span-1, 0)
	if s.gpus > 0 && o.pool.NUMAs > 1 {
		r.terms.leftNUMA = weightLeftNUMA * point * (r.choice.LeftInNUMA * 8 / o.pool.Size)
	}
	r.price(p, s, c)
	return r
}

// price finds the opportunity cost, and sums up.
func (r *rating) price(p *Placer, s *RequestClass, c *fleet.Class) {
	shared := whole
	if r.shared {
		shared = r.choice.GPUs.First()
	}
	r.terms.opportunity = bounded(p.costs.cost(s, c, r.pool, shared))
	r.score = r.terms.xgmi + r.terms.numa + r.terms.leftNUMA + r.terms.opportunity
	r.priceEpoch = p.costs.epoch
}

// chooseShare finds the GPU to put a share on: of all that differ in what is
// left of them, the one that costs those who come later least. Ties go to one
// that is shared already, with the least room, so that whole GPUs stay whole.
func (p *Placer) chooseShare(s *RequestClass, c *fleet.Class, o *offer) (best *topology.Choice, shared bool) {
	gpu, room, cost := -1, uint64(0), 0
	for _, h := range c.Rooms {
		if !o.mask.Has(h.GPU) || h.Held || h.Bytes < s.share {
			continue
		}
		k := p.costs.cost(s, c, o.pool, h.GPU)
		if gpu < 0 || k < cost || k == cost && h.Bytes < room {
			gpu, room, cost = h.GPU, h.Bytes, k
		}
	}
	if free := c.Free.And(o.mask); free != (topology.Mask{}) {
		if gpu < 0 || p.costs.cost(s, c, o.pool, whole) < cost {
			return o.pool.Choose(free, 1, 0), false
		}
	}
	best = &topology.Choice{Span: 1}
	best.GPUs.Add(gpu)
	best.Boards = o.pool.BoardsOf(best.GPUs)
	return best, true
}

// own adds what is the node's own to the class's score.
func (c *candidate) own() { c.score = c.rating.score + c.bonus() }

func (c *candidate) bonus() int {
	score := point * weightSpread * c.replicas
	if c.weights {
		score += point * weightWeights
	}
	if c.image {
		score += point * weightImage
	}
	return score
}

// explained is the score with all terms, those of no effect too.
func (c *candidate) explained() aim.NodeScore {
	return aim.NodeScore{Node: c.m.ID(), Score: points(c.score), Terms: c.terms()}
}

func (c *candidate) terms() []aim.Term {
	t := &c.rating.terms
	return []aim.Term{
		{Name: "xgmi pairs missing", Value: points(t.xgmi)},
		{Name: "replicas of the deployment", Value: float64(weightSpread * c.replicas)},
		{Name: "weights cached", Value: truth(c.weights, weightWeights)},
		{Name: "numa nodes spanned", Value: points(t.numa)},
		{Name: "image cached", Value: truth(c.image, weightImage)},
		{Name: "left in the numa nodes", Value: points(t.leftNUMA)},
		{Name: "those who come later", Value: points(t.opportunity)},
	}
}

// points writes a score in points, to two decimals.
func points(score int) float64 {
	return math.Round(float64(score)/point*100) / 100
}

func truth(b bool, value float64) float64 {
	if b {
		return value
	}
	return 0
}
