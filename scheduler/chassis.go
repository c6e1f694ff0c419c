package scheduler

import (
	"encoding/binary"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/outlook"
)

// chassis is what a node is by nature, whatever runs there. Nodes of the same
// make share one, so that what holds for one of them is found out once.
type chassis struct {
	id       int
	runtimes []string     // that work
	cpus     int          // 0 = not told
	host     uint64       // memory; 0 = not told
	shares   bool         // GPUs may be shared
	nodes    int          // of this make, in the fleet now
	pools    []pool       // GPUs by kind
	devices  mask         // of all pools
	order    []int        // GPU -> place in the node's list, as people count
	bare     outlook.Kind // of a chassis without GPUs
}

// pool is the GPUs of one kind in a chassis. GPUs are numbered by address over
// the whole chassis.
type pool struct {
	kind    kind
	devices mask
	size    int
	vram    []uint64 // by GPU of the chassis; 0 = not known
	budget  []uint64 // what shares of it may hold together
	unit    uint64   // of the outlook: the memory of one of its GPUs that can be given out
	outlook outlook.Kind
	*layout
}

// newChassis reads what a node is made of.
func newChassis(n *aim.Node) *chassis {
	c := &chassis{
		runtimes: n.Runtimes, cpus: n.CPUs, host: n.HostBytes, shares: n.Shares,
		order: byAddress(n),
	}
	vram, budget := make([]uint64, len(c.order)), make([]uint64, len(c.order))
	for d, place := range c.order {
		g := &n.GPUs[place]
		vram[d], budget[d] = vramOf(g), g.ShareBudget()
		p := c.poolOf(kindOf(g))
		p.devices.add(d)
		c.devices.add(d)
		p.size++
	}
	for i := range c.pools {
		p := &c.pools[i]
		p.vram, p.budget = vram, budget
		var gpus []*aim.GPU
		var devices []int
		for d := range p.devices.all {
			gpus, devices = append(gpus, &n.GPUs[c.order[d]]), append(devices, d)
		}
		p.layout = newLayout(gpus, devices)
	}
	return c
}

// poolOf finds the pool of a kind, or adds it.
func (c *chassis) poolOf(k kind) *pool {
	for i := range c.pools {
		if c.pools[i].kind == k {
			return &c.pools[i]
		}
	}
	c.pools = append(c.pools, pool{kind: k})
	return &c.pools[len(c.pools)-1]
}

// suits are the GPUs that have the memory, claimed or not. One whose size is
// not known suits only those who do not ask.
func (p *pool) suits(vram uint64) mask {
	if vram == 0 {
		return p.devices
	}
	var m mask
	for d := range p.devices.all {
		if p.vram[d] >= vram {
			m.add(d)
		}
	}
	return m
}

// roomy are the GPUs that could hold a share of so many bytes if they were
// empty.
func (p *pool) roomy(share uint64) mask {
	var m mask
	for d := range p.devices.all {
		if p.budget[d] >= share {
			m.add(d)
		}
	}
	return m
}

// key is equal for nodes of the same make.
func (c *chassis) key() string {
	b := binary.LittleEndian.AppendUint64(nil, uint64(c.cpus))
	b = binary.LittleEndian.AppendUint64(b, c.host)
	b = append(b, byte(len(c.runtimes)), byte(len(c.order)))
	if c.shares {
		b = append(b, 1)
	}
	for _, r := range c.runtimes {
		b = append(append(b, r...), 0)
	}
	for _, place := range c.order {
		b = append(b, byte(place))
	}
	for i := range c.pools {
		p := &c.pools[i]
		for _, s := range []string{p.kind.gpuType, p.kind.compute, p.kind.memory} {
			b = append(append(b, s...), 0)
		}
		b = append(b, byte(p.kind.partitions), byte(len(p.boards)))
		for d := range p.devices.all {
			b = binary.LittleEndian.AppendUint64(append(b, byte(d)), p.vram[d])
		}
		b = p.layout.key(b)
	}
	return string(b)
}

func vramOf(g *aim.GPU) uint64 {
	if g.VRAMBytes == nil {
		return 0
	}
	return *g.VRAMBytes
}
