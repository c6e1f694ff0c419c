package scheduler

import (
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/outlook"
)

// prospects is the outlook, asked in the words of classes and shapes.
type prospects struct {
	o       *outlook.Outlook
	round   uint64 // of prices; costs hold for one
	changes int    // in the fleet since then
	stale   bool   // there are kinds without a price

	came, left float64 // ranks of replicas, lately
}

// Prices follow the fleet: they are set anew after an eighth of it has changed,
// but not for every change of a small one.
const (
	leastChanges   = 32
	changesByNodes = 8
)

// lately is how many ranks are counted before they begin to fade.
const lately = 4096

func newProspects() *prospects { return &prospects{o: outlook.New(), stale: true} }

// count counts ranks that have come; less than none have left.
func (p *prospects) count(ranks int) {
	if ranks > 0 {
		p.came += float64(ranks)
	} else {
		p.left -= float64(ranks)
	}
}

// turnover is how many left for each that came.
func (p *prospects) turnover() float64 { return p.left / max(p.came, 1) }

// fade lets what came and left long ago count less.
func (p *prospects) fade() {
	if p.came+p.left > lately {
		p.came, p.left = p.came/2, p.left/2
	}
}

// meet learns of a kind of machine.
func (p *prospects) meet(c *chassis) {
	kind := func(gpuType string, gpus int, vram uint64) outlook.Kind {
		return p.o.Kind(outlook.Node{Type: gpuType, GPUs: gpus, VRAMBytes: vram, CPUs: c.cpus, HostBytes: c.host})
	}
	for i := range c.pools {
		pool := &c.pools[i]
		sizes := pool.vram
		if c.shares {
			sizes = pool.budget
		}
		pool.unit = 1
		for d := range pool.devices.all {
			pool.unit = max(pool.unit, sizes[d])
		}
		pool.outlook = kind(pool.kind.gpuType, pool.size, pool.unit)
	}
	if len(c.pools) == 0 {
		c.bare = kind("", 0, 0)
	}
	p.stale = true
}

// learn counts a request, a gang once for every rank.
func (p *prospects) learn(r *aim.Request) {
	types := r.GPUType
	if len(r.GPUTypes) > 0 {
		types = strings.Join(typesOf(r), "|")
	}
	gpus := r.GPUs
	if r.ShareBytes > 0 {
		gpus = 0
	}
	for range max(r.Nodes, 1) {
		p.o.Learn(outlook.Shape{
			GPUs: gpus, ShareBytes: r.ShareBytes, VRAMBytes: r.VRAMBytes, CPUs: r.CPUs, HostBytes: r.HostBytes, Types: types,
		})
	}
}

// refresh sets new prices where it is time to: what was scored is scored anew.
func (p *prospects) refresh(x *index) {
	if !p.stale && !p.o.Stale() && p.changes < max(leastChanges, len(x.order)/changesByNodes) {
		return
	}
	p.changes, p.stale = 0, false
	p.round++
	p.fade()
	p.o.Refresh(x.states, p.turnover())
}

// states yields what is free in the fleet, with the number of nodes.
func (x *index) states(yield func(outlook.State, int) bool) {
	for id, n := range x.counts {
		c := x.classes[id]
		if n == 0 || c.cordoned || c.liveness != "" {
			continue
		}
		for i := range c.pools {
			if !yield(c.left(&c.pools[i]), int(n)) {
				return
			}
		}
		if len(c.pools) == 0 && !yield(c.left(nil), int(n)) {
			return
		}
	}
}

// ample stands for an amount that a node does not tell.
const ample = 1 << 40

// left is what is free on a node, as far as one pool goes.
func (c *class) left(p *pool) outlook.State {
	s := outlook.State{Kind: c.bare, CPUs: min(c.spare, ample), HostBytes: min(c.host, ample<<10)}
	if p == nil {
		return s
	}
	s.Kind, s.Whole = p.outlook, uint16(c.free.and(p.devices).count())
	for _, h := range c.holes {
		if p.devices.has(h.gpu) {
			addPart(&s, h.free*1000/p.unit)
		}
	}
	return s
}

// addPart adds the free thousandths of a shared GPU, in falling order; what is
// beyond the places of the state is the least.
func addPart(s *outlook.State, part uint64) {
	v := uint16(part)
	for i, other := range s.Parts {
		if v > other {
			s.Parts[i], v = v, other
		}
	}
}

// whole says that a placement takes GPUs that are wholly free.
const whole = -1

// cost is what it costs those who come later to place the shape on a class: on
// whole GPUs of the pool, or on the one that is shared already. pool is nil for
// those who need no GPU.
func (p *prospects) cost(s *shape, c *class, pool *pool, shared int) int {
	if pool == nil && len(c.pools) > 0 {
		pool = &c.pools[0]
	}
	before := c.left(pool)
	after := before
	after.CPUs -= min(after.CPUs, s.cpus)
	after.HostBytes -= min(after.HostBytes, s.host)
	switch {
	case s.share == 0:
		after.Whole -= uint16(s.gpus)
	case shared == whole:
		after.Whole--
		d := firstOf(c.free.and(pool.devices))
		addPart(&after, (pool.budget[d]-s.share)*1000/pool.unit)
	default:
		after.Parts = [len(after.Parts)]uint16{}
		for _, h := range c.holes {
			if h.gpu == shared {
				h.free -= s.share
			}
			if pool.devices.has(h.gpu) {
				addPart(&after, h.free*1000/pool.unit)
			}
		}
	}
	return p.o.Cost(before, after)
}
