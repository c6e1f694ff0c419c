package place

import (
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/topology"
)

// offer is what nodes of a class have for a class of requests.
type offer struct {
	ofType   int           // GPUs of an allowed type
	ofKind   int           // of those, GPUs of the wanted kind
	suitable int           // of those, GPUs with the memory
	pool     *fleet.Pool   // the pool to take them from; nil when none is large enough
	mask     topology.Mask // GPUs of that pool with the memory, free or not
	free     int           // of those, GPUs that are free, or with room for the share
	held     int           // of those, GPUs that would be free, but are reserved for another

	hostRung int32 // that a node has to reach, see fleet.Class
	diskRung int32
}

// offerOf picks the pool with the fewest free GPUs that are enough, or else the
// one that comes nearest.
func (p *Placer) offerOf(s *RequestClass, c *fleet.Class) offer {
	o := offer{hostRung: p.fleet.HostRung(s.host), diskRung: p.fleet.DiskRung(s.disk)}
	if !s.needsGPU() {
		return o
	}
	for i := range c.Pools {
		pool := &c.Pools[i]
		if !s.allows(pool.Kind) {
			continue
		}
		o.ofType += pool.Size
		if s.kind != nil && pool.Kind != *s.kind {
			continue
		}
		o.ofKind += pool.Size
		suits := pool.WithMemory(s.vram)
		if s.share > 0 {
			suits = suits.And(pool.WithBudget(s.share))
		}
		n := suits.Count()
		o.suitable += n
		free, held := c.Free.And(suits).Count(), heldOf(c, suits)
		if s.share > 0 {
			inRooms, inHeld := roomsFor(c, suits, s.share)
			free, held = free+inRooms, held+inHeld
		}
		if n >= s.perRank() && (o.pool == nil || better(free, o.free, s.perRank())) {
			o.pool, o.mask, o.free, o.held = pool, suits, free, held
		}
	}
	return o
}

// heldOf counts the GPUs of a set that are free as a whole and held by a reservation.
func heldOf(c *fleet.Class, gpus topology.Mask) int {
	held := c.Held.And(gpus)
	if held == (topology.Mask{}) {
		return 0
	}
	for _, r := range c.Rooms {
		if held.Has(r.GPU) {
			shared := topology.Mask{}
			shared.Add(r.GPU)
			held = held.Without(shared)
		}
	}
	return held.Count()
}

// roomsFor counts the shared GPUs with room for so many bytes, those apart whose room
// is held.
func roomsFor(c *fleet.Class, suits topology.Mask, share uint64) (free, held int) {
	for _, r := range c.Rooms {
		switch {
		case !suits.Has(r.GPU) || r.Bytes < share:
		case r.Held:
			held++
		default:
			free++
		}
	}
	return free, held
}

// better tells whether a pool with so many free GPUs is preferred for n.
func better(free, than, n int) bool {
	if free >= n && than >= n {
		return free < than
	}
	return free > than
}
