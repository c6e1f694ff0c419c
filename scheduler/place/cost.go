package place

import (
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/opportunity"
)

// costs is the opportunity cost of placing a class of requests on a class of nodes:
// package opportunity, fed with what this fleet is and sees.
type costs struct {
	model    *opportunity.Model
	hardware []hardwareCosts // by fleet.Hardware.ID
	epoch    uint64          // of prices: a cost holds for one
	moved    uint64          // nodes that had changed their class when it began
	stale    bool            // there is hardware without a price

	came, left float64 // ranks of replicas, lately
}

// hardwareCosts is a kind of machine in the words of package opportunity, which knows
// machines with GPUs of one kind: one with two pools is two of its kinds, and a
// placement costs what it costs the pool that it is in.
type hardwareCosts struct {
	pools []poolCosts      // of each of its pools
	bare  opportunity.Kind // of a machine without GPUs
}

type poolCosts struct {
	kind opportunity.Kind
	unit uint64 // memory of one of its GPUs that can be given out
}

// Prices follow the fleet: they are set anew after an eighth of it has changed, but
// not for every change of a small one.
const (
	leastChanges   = 32
	changesByNodes = 8
)

// lately is how many ranks are counted before they begin to fade.
const lately = 4096

func newCosts() *costs { return &costs{model: opportunity.New(), stale: true} }

// count counts ranks that have come; less than none have left.
func (c *costs) count(ranks int) {
	if ranks > 0 {
		c.came += float64(ranks)
	} else {
		c.left -= float64(ranks)
	}
}

// turnover is how many left for each that came.
func (c *costs) turnover() float64 { return c.left / max(c.came, 1) }

// fade lets what came and left long ago count less.
func (c *costs) fade() {
	if c.came+c.left > lately {
		c.came, c.left = c.came/2, c.left/2
	}
}

// meet learns of hardware that has been seen since the last call.
func (c *costs) meet(all []*fleet.Hardware) {
	for _, h := range all[len(c.hardware):] {
		kind := func(gpuType string, gpus int, vram uint64) opportunity.Kind {
			return c.model.Kind(opportunity.Node{Type: gpuType, GPUs: gpus, VRAMBytes: vram, CPUs: h.CPUs, HostBytes: h.HostBytes})
		}
		known := hardwareCosts{}
		for i := range h.Pools {
			pool := &h.Pools[i]
			sizes := pool.VRAM
			if h.Shares {
				sizes = pool.Budget
			}
			unit := uint64(1)
			for d := range pool.GPUs.All {
				unit = max(unit, sizes[d])
			}
			known.pools = append(known.pools, poolCosts{kind(pool.Kind.Type, pool.Size, unit), unit})
		}
		if len(h.Pools) == 0 {
			known.bare = kind("", 0, 0)
		}
		c.hardware = append(c.hardware, known)
		c.stale = true
	}
}

// learn counts a request, a gang once for every rank.
func (c *costs) learn(r *aim.PlacementRequest) {
	types := r.GPUType
	if len(r.GPUTypes) > 0 {
		types = strings.Join(typesOf(r), "|")
	}
	gpus := r.GPUs
	if r.ShareBytes > 0 {
		gpus = 0
	}
	for range max(r.Nodes, 1) {
		c.model.Learn(opportunity.Ask{
			GPUs: gpus, ShareBytes: r.ShareBytes, VRAMBytes: r.VRAMBytes, CPUs: r.CPUs, HostBytes: r.HostBytes, Types: types,
		})
	}
}

// refresh sets new prices where it is time to: what was scored is scored anew.
func (c *costs) refresh(f *fleet.Fleet) {
	if !c.stale && !c.model.Stale() && f.Moved()-c.moved < uint64(max(leastChanges, f.Len()/changesByNodes)) {
		return
	}
	c.moved, c.stale = f.Moved(), false
	c.epoch++
	c.fade()
	c.model.Refresh(c.free(f), c.turnover())
}

// free yields what is free in the fleet, with the number of nodes. Nodes that take
// nothing now have no say: what is free on them is nobody's.
func (c *costs) free(f *fleet.Fleet) func(yield func(opportunity.Free, int) bool) {
	return func(yield func(opportunity.Free, int) bool) {
		for id, n := range f.Counts() {
			class := f.Class(id)
			if n == 0 || class.Cordoned || class.Liveness != "" {
				continue
			}
			for i := range class.Pools {
				if !yield(c.freeOn(class, i), int(n)) {
					return
				}
			}
			if len(class.Pools) == 0 && !yield(c.freeOn(class, -1), int(n)) {
				return
			}
		}
	}
}

// ample stands for an amount that a node does not tell.
const ample = 1 << 40

// freeOn is what is free on a node, as far as one of its pools goes; -1 for none.
func (c *costs) freeOn(class *fleet.Class, pool int) opportunity.Free {
	known := &c.hardware[class.Hardware.ID]
	s := opportunity.Free{Kind: known.bare, CPUs: min(class.Spare, ample), HostBytes: min(class.Host, ample<<10)}
	if pool < 0 {
		return s
	}
	gpus, of := class.Pools[pool].GPUs, &known.pools[pool]
	s.Kind, s.Whole = of.kind, uint16(class.Free.And(gpus).Count())
	for _, r := range class.Rooms {
		if gpus.Has(r.GPU) && !r.Held {
			addPart(&s, r.Bytes*1000/of.unit)
		}
	}
	return s
}

// addPart keeps the largest of what is free on shared GPUs. It adds the free thousandths of a shared GPU, in falling order; what is beyond
// the places of the state is the least.
func addPart(s *opportunity.Free, part uint64) {
	v := uint16(part)
	for i, other := range s.Parts {
		if v > other {
			s.Parts[i], v = v, other
		}
	}
}

// whole says that a placement takes GPUs that are wholly free.
const whole = -1

// cost is what it costs those who come later to place a request: on whole GPUs of the
// pool, or on the one that is shared already. pool is nil for those who need no GPU.
// It is the price of what is free before less the price of what is free after:
//
//	                             before           after             what others lose
//	2 GPUs of 8 free ones        8                6                 room for one who wants 8
//	2 GPUs of 2 free ones        2                0                 room for one who wants 2
//	48 of 192 GiB, a free GPU    8                7 and 750 ‰       a whole GPU; there is room for shares
//	48 GiB, a shared GPU         7 and 750 ‰      7 and 500 ‰       room for a share
//
// What that is worth depends on who usually asks (costs.learn). What is taken of CPUs
// and memory counts too: free GPUs without a free CPU are of no use to anybody.
func (c *costs) cost(s *RequestClass, class *fleet.Class, pool *fleet.Pool, shared int) int {
	at := -1
	for i := range class.Pools {
		if pool == &class.Pools[i] || pool == nil {
			at = i
			break
		}
	}
	before := c.freeOn(class, at)
	after := before
	after.CPUs -= min(after.CPUs, s.cpus)
	after.HostBytes -= min(after.HostBytes, s.host)
	switch {
	case s.share == 0:
		after.Whole -= uint16(s.gpus)
	case shared == whole:
		after.Whole--
		d := class.Free.And(pool.GPUs).First()
		addPart(&after, (pool.Budget[d]-s.share)*1000/c.hardware[class.Hardware.ID].pools[at].unit)
	default:
		after.Parts = [len(after.Parts)]uint16{}
		for _, r := range class.Rooms {
			left := r.Bytes
			if r.GPU == shared {
				left -= s.share
			}
			if pool.GPUs.Has(r.GPU) && !r.Held {
				addPart(&after, left*1000/c.hardware[class.Hardware.ID].pools[at].unit)
			}
		}
	}
	return c.model.Cost(before, after)
}
