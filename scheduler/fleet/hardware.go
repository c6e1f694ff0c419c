package fleet

import (
	"encoding/binary"
	"maps"
	"slices"

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

// key is equal for machines that are built alike.
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

// sameMachine tells whether two reports of a node are of the same machine, set up
// alike: all that Hardware and labels are read from is equal. Most reports differ in
// claims alone.
func sameMachine(a, b *aim.Node) bool {
	return a.CPUs == b.CPUs && a.HostBytes == b.HostBytes && a.Shares == b.Shares &&
		slices.Equal(a.Runtimes, b.Runtimes) && maps.Equal(a.Labels, b.Labels) &&
		slices.EqualFunc(a.GPUs, b.GPUs, func(x, y aim.GPU) bool { return sameGPU(&x, &y) })
}

func sameGPU(a, b *aim.GPU) bool {
	return a.ID == b.ID && a.UUID == b.UUID && a.PCI == b.PCI && a.Type == b.Type && a.Hive == b.Hive &&
		a.ComputeMode == b.ComputeMode && a.MemoryMode == b.MemoryMode && a.Partition == b.Partition && a.Partitions == b.Partitions &&
		same(a.CPUNode, b.CPUNode) && same(a.VRAMBytes, b.VRAMBytes) && slices.Equal(a.Peers, b.Peers)
}

// same compares two values either of which may not be known.
func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
