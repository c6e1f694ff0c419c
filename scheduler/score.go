package scheduler

import (
	"math"

	"github.com/aim-engine/aim"
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
	weightOutlook = -16
	// point is one point of the score in the units that scores are kept in: fine
	// enough that no two costs become one by the bound.
	point = 1 << 14
)

// bounded is the outlook's cost, in twentieths of a GPU, as a term of the score. It
// keeps the order of costs.
func bounded(cost int) int {
	const half = 32 // 1.6 GPUs
	if cost < 0 {
		return -bounded(-cost)
	}
	return weightOutlook * point * cost / (cost + half)
}

// rating is which GPUs nodes of a class give to a shape, and what that is worth
// on each of them alike.
type rating struct {
	pool   *pool // nil for those who need no GPU
	choice *choice
	hole   bool // the GPU is shared already
	terms  classTerms
	score  int           // sum of the terms
	prices uint64        // round of the outlook that they are of
	shown  [4][]aim.Term // by what is cached, where no replica of the deployment is near
}

// classTerms are the terms that all nodes of a class have in common.
type classTerms struct{ xgmi, numa, leftNUMA, outlook int }

// candidate is a node that fits. Its score is the class's with what is its own.
type candidate struct {
	m              *member
	slot           int // of m
	rating         *rating
	score          int
	weights, image bool
	replicas       int // of the deployment, on the node already
}

// rate chooses GPUs on a class that fits and scores them.
func (x *index) rate(s *shape, c *class, o *offer) *rating {
	r := &rating{pool: o.pool, choice: &choice{}}
	switch {
	case s.share > 0:
		r.choice, r.hole = x.chooseShare(s, c, o)
	case s.gpus > 0:
		r.choice = o.pool.choose(c.free.and(o.mask), s.gpus, 0)
	}
	r.terms.xgmi = weightXGMI * point * r.choice.missing
	r.terms.numa = weightNUMA * point * max(r.choice.span-1, 0)
	if s.gpus > 0 && o.pool.numas > 1 {
		r.terms.leftNUMA = weightLeftNUMA * point * (r.choice.leftNUMA * 8 / o.pool.size)
	}
	r.price(x, s, c)
	return r
}

// price asks the outlook, and sums up.
func (r *rating) price(x *index, s *shape, c *class) {
	shared := whole
	if r.hole {
		shared = firstOf(r.choice.devices)
	}
	r.terms.outlook = bounded(x.outlook.cost(s, c, r.pool, shared))
	r.score = r.terms.xgmi + r.terms.numa + r.terms.leftNUMA + r.terms.outlook
	r.shown = [4][]aim.Term{}
	r.prices = x.outlook.round
}

// chooseShare finds the GPU to put a share on: of all that differ in what is
// left of them, the one that costs those who come later least. Ties go to one
// that is shared already, with the least room, so that whole GPUs stay whole.
func (x *index) chooseShare(s *shape, c *class, o *offer) (best *choice, hole bool) {
	gpu, room, cost := -1, uint64(0), 0
	for _, h := range c.holes {
		if !o.mask.has(h.gpu) || h.free < s.share {
			continue
		}
		k := x.outlook.cost(s, c, o.pool, h.gpu)
		if gpu < 0 || k < cost || k == cost && h.free < room {
			gpu, room, cost = h.gpu, h.free, k
		}
	}
	if free := c.free.and(o.mask); free != (mask{}) {
		if gpu < 0 || x.outlook.cost(s, c, o.pool, whole) < cost {
			return o.pool.choose(free, 1, 0), false
		}
	}
	best = &choice{span: 1}
	best.devices.add(gpu)
	best.boards = o.pool.boardsOf(best.devices)
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

// explained lists all terms, those of no effect too. Nodes that score alike
// share the list.
func (c *candidate) explained() aim.NodeScore {
	score := aim.NodeScore{Node: c.m.node.ID, Score: points(c.score)}
	i := 0
	if c.weights {
		i |= 1
	}
	if c.image {
		i |= 2
	}
	if c.replicas > 0 {
		score.Terms = c.terms()
		return score
	}
	if c.rating.shown[i] == nil {
		c.rating.shown[i] = c.terms()
	}
	score.Terms = c.rating.shown[i]
	return score
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
		{Name: "those who come later", Value: points(t.outlook)},
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
