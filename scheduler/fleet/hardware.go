package fleet

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// Hardware is what a node is by nature, whatever runs there. Nodes that are built
// alike share one, so that what holds for one of them is found out once.
type Hardware struct {
	ID        int           // in Fleet.Hardware
	Runtimes  []string      // that work
	CPUs      int           // 0 = not told
	HostBytes uint64        // memory; 0 = not told
	Shares    bool          // GPUs may be shared
	Pools     []Pool        // GPUs by kind
	GPUs      topology.Mask // of all pools

	order []int // GPU -> place in the node's list
	nodes int   // built like this, in the fleet now
}

// Pool is the GPUs of one kind in a machine. GPUs are numbered over the whole
// machine, in the order of topology.ByAddress.
type Pool struct {
	Kind   topology.Kind
	GPUs   topology.Mask
	Size   int
	VRAM   []uint64 // by GPU of the machine; 0 = not known
	Budget []uint64 // by GPU of the machine: what shares of it may hold together
	*topology.Layout
}

// Present tells whether a node is built like this now.
func (h *Hardware) Present() bool { return h.nodes > 0 }

// Position is the place of a GPU in the node's own list, as people count.
func (h *Hardware) Position(gpu int) int { return h.order[gpu] }

func newHardware(n *aim.Node) *Hardware {
	h := &Hardware{
		Runtimes: n.Runtimes, CPUs: n.CPUs, HostBytes: n.HostBytes, Shares: n.Shares,
		order: topology.ByAddress(n),
	}
	vram, budget := make([]uint64, len(h.order)), make([]uint64, len(h.order))
	for d, place := range h.order {
		g := &n.GPUs[place]
		vram[d], budget[d] = vramOf(g), g.ShareBudget()
		p := h.poolOf(topology.KindOf(g))
		p.GPUs.Add(d)
		h.GPUs.Add(d)
		p.Size++
	}
	for i := range h.Pools {
		p := &h.Pools[i]
		p.VRAM, p.Budget = vram, budget
		var gpus []*aim.GPU
		var numbers []int
		for d := range p.GPUs.All {
			gpus, numbers = append(gpus, &n.GPUs[h.order[d]]), append(numbers, d)
		}
		p.Layout = topology.NewLayout(gpus, numbers)
	}
	return h
}

// poolOf finds the pool of a kind, or adds it.
func (h *Hardware) poolOf(k topology.Kind) *Pool {
	for i := range h.Pools {
		if h.Pools[i].Kind == k {
			return &h.Pools[i]
		}
	}
	h.Pools = append(h.Pools, Pool{Kind: k})
	return &h.Pools[len(h.Pools)-1]
}

// WithMemory is the GPUs that have so much memory, claimed or not. One whose size
// is not known suits only those who do not ask.
func (p *Pool) WithMemory(vram uint64) topology.Mask {
	if vram == 0 {
		return p.GPUs
	}
	var m topology.Mask
	for d := range p.GPUs.All {
		if p.VRAM[d] >= vram {
			m.Add(d)
		}
	}
	return m
}

// WithBudget is the GPUs that could hold a share of so many bytes if they were
// empty.
func (p *Pool) WithBudget(share uint64) topology.Mask {
	var m topology.Mask
	for d := range p.GPUs.All {
		if p.Budget[d] >= share {
			m.Add(d)
		}
	}
	return m
}

// key is equal for machines that are built alike: all that Hardware is read from.
func (h *Hardware) key() string {
	b := binary.LittleEndian.AppendUint64(nil, uint64(h.CPUs))
	b = binary.LittleEndian.AppendUint64(b, h.HostBytes)
	b = append(b, byte(len(h.Runtimes)), byte(len(h.order)))
	if h.Shares {
		b = append(b, 1)
	}
	for _, r := range h.Runtimes {
		b = append(append(b, r...), 0)
	}
	for _, place := range h.order {
		b = append(b, byte(place))
	}
	for i := range h.Pools {
		p := &h.Pools[i]
		for _, s := range []string{p.Kind.Type, p.Kind.Compute, p.Kind.Memory} {
			b = append(append(b, s...), 0)
		}
		b = append(b, byte(p.Kind.Partitions))
		for d := range p.GPUs.All {
			b = binary.LittleEndian.AppendUint64(append(b, byte(d)), p.VRAM[d])
		}
		b = p.Layout.Key(b)
	}
	return string(b)
}

func vramOf(g *aim.GPU) uint64 {
	if g.VRAMBytes == nil {
		return 0
	}
	return *g.VRAMBytes
}

// seed is of this process: digests are compared within it and go nowhere.
var seed = maphash.MakeSeed()

// machineDigest is equal for two reports of the same machine, set up alike: of all that
// Hardware and labels are read from. Most reports differ in claims alone, and a digest
// tells so without a look at the report before, which is in no cache any more
// (fleet_apply_us).
func machineDigest(n *aim.Node) uint64 {
	d := digest(0)
	d.add(uint64(n.CPUs))
	d.add(n.HostBytes)
	if n.Shares {
		d.add(1)
	}
	for _, r := range n.Runtimes {
		d.addString(r)
	}
	labels := uint64(0)
	for k, v := range n.Labels {
		l := digest(0)
		l.addString(k)
		l.addString(v)
		labels += uint64(l) // in any order
	}
	d.add(labels)
	for i := range n.GPUs {
		d.addGPU(&n.GPUs[i])
	}
	return uint64(d)
}

// digest is what has been added, in order.
type digest uint64

func (d *digest) add(v uint64) {
	// A step of a multiplicative hash; the constant is 2^64 over the golden ratio.
	*d = (*d ^ digest(v)) * 0x9e3779b97f4a7c15
	*d ^= *d >> 29
}

func (d *digest) addString(s string) { d.add(maphash.String(seed, s)) }

func (d *digest) addGPU(g *aim.GPU) {
	for _, s := range [...]string{g.ID, g.UUID, g.PCI, g.Type, g.Hive, g.ComputeMode, g.MemoryMode} {
		d.addString(s)
	}
	d.add(uint64(g.Partition))
	d.add(uint64(g.Partitions))
	numa := uint64(1 << 32) // not known
	if g.CPUNode != nil {
		numa = uint64(*g.CPUNode)
	}
	d.add(numa)
	d.add(vramOf(g))
	d.add(uint64(len(g.Peers)))
	for i := range g.Peers {
		d.addString(g.Peers[i].ID)
		d.add(uint64(g.Peers[i].Weight))
	}
}
