package scheduler

import (
	"cmp"
	"slices"

	"github.com/aim-engine/aim"
)

// view is a node prepared for placement: its GPUs in pools, each GPU free or
// not. It does not depend on a request, so one view serves many.
type view struct {
	node  *aim.FleetNode
	pools []pool
}

// kind is what GPUs must have in common to serve one replica together: tensor
// parallelism needs equal shares, so sizes and partition modes never mix.
type kind struct {
	gpuType    string
	partitions int
	compute    string // SPX, CPX, ...
	memory     string // NPS1, ...
}

// pool is the node's GPUs of one kind.
type pool struct {
	kind    kind
	devices []device // by PCI address, then partition
	boards  []board  // by PCI address
}

// device is one GPU that can be given out.
type device struct {
	gpu   *aim.GPU
	index int // in the node's list, as people count
	free  bool
}

// board is a physical GPU: one device, or the partitions of it.
type board struct {
	key     string
	numa    int    // -1 = not known
	devices []int  // in pool.devices
	linked  uint64 // boards of the pool joined to it by xGMI, a bit each
	near    uint64 // boards of the pool in its NUMA node, itself included
}

// maxBoards bounds the bit masks over boards; machines have at most 16.
const maxBoards = 64

// viewsOf prepares all nodes, by id.
func viewsOf(fleet aim.Fleet) []*view {
	views := make([]*view, len(fleet.Nodes))
	for i := range fleet.Nodes {
		views[i] = newView(&fleet.Nodes[i])
	}
	slices.SortFunc(views, func(a, b *view) int { return cmp.Compare(a.node.ID, b.node.ID) })
	return views
}

func newView(n *aim.FleetNode) *view {
	v := &view{node: n}
	claimed := map[string]bool{}
	for _, c := range n.Claims {
		for _, id := range c.GPUs {
			claimed[id] = true
		}
	}
	order := make([]int, len(n.GPUs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return byAddress(&n.GPUs[i], &n.GPUs[j]) })
	for _, i := range order {
		g := &n.GPUs[i]
		usable, _ := g.Usable()
		v.poolOf(g).add(device{gpu: g, index: i, free: usable && !claimed[g.ID]})
	}
	for i := range v.pools {
		v.pools[i].link()
	}
	return v
}

func byAddress(a, b *aim.GPU) int {
	return cmp.Or(cmp.Compare(a.PCI, b.PCI), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.ID, b.ID))
}

// poolOf finds the pool of the GPU's kind, or adds it.
func (v *view) poolOf(g *aim.GPU) *pool {
	k := kind{gpuType: g.Type, partitions: max(g.Partitions, 1), compute: g.ComputeMode, memory: g.MemoryMode}
	for i := range v.pools {
		if v.pools[i].kind == k {
			return &v.pools[i]
		}
	}
	v.pools = append(v.pools, pool{kind: k})
	return &v.pools[len(v.pools)-1]
}

func (p *pool) add(d device) {
	key := cmp.Or(d.gpu.UUID, d.gpu.PCI, d.gpu.ID)
	i := slices.IndexFunc(p.boards, func(b board) bool { return b.key == key })
	if i < 0 {
		if len(p.boards) == maxBoards {
			return
		}
		numa := -1
		if d.gpu.CPUNode != nil {
			numa = *d.gpu.CPUNode
		}
		i = len(p.boards)
		p.boards = append(p.boards, board{key: key, numa: numa})
	}
	p.boards[i].devices = append(p.boards[i].devices, len(p.devices))
	p.devices = append(p.devices, d)
}

// link fills in which boards are near each other, and which are joined by xGMI:
// as the GPUs list their peers, or, where the node could read no links, by the
// hive they share.
func (p *pool) link() {
	boardOf := map[string]int{}
	for i, b := range p.boards {
		for _, d := range b.devices {
			boardOf[p.devices[d].gpu.ID] = i
		}
	}
	for i := range p.boards {
		first := p.devices[p.boards[i].devices[0]].gpu
		for j := range p.boards {
			if p.boards[i].numa == p.boards[j].numa {
				p.boards[i].near |= 1 << j
			}
		}
		for _, d := range p.boards[i].devices {
			for _, peer := range p.devices[d].gpu.Peers {
				if j, ok := boardOf[peer.ID]; ok {
					p.join(i, j)
				}
			}
		}
		for j := range p.boards[:i] {
			other := p.devices[p.boards[j].devices[0]].gpu
			if first.Hive != "" && first.Hive == other.Hive && len(first.Peers)+len(other.Peers) == 0 {
				p.join(i, j)
			}
		}
	}
}

func (p *pool) join(i, j int) {
	p.boards[i].linked |= 1 << j
	p.boards[j].linked |= 1 << i
}

// suits tells whether the GPU has the memory, claimed or not. One whose size is
// not known suits only those who do not ask.
func (d device) suits(vram uint64) bool {
	return vram == 0 || (d.gpu.VRAMBytes != nil && *d.gpu.VRAMBytes >= vram)
}

// count returns how many GPUs of the pool have the memory, and how many of
// those are free.
func (p *pool) count(vram uint64) (suitable, free int) {
	for _, d := range p.devices {
		if d.suits(vram) {
			suitable++
			if d.free {
				free++
			}
		}
	}
	return suitable, free
}

// offer is what a node has for a wish.
type offer struct {
	ofType   int   // GPUs of the wanted type
	ofKind   int   // of those, GPUs of the wanted kind
	suitable int   // of those, GPUs with the memory
	pool     *pool // the pool to take them from; nil when none is large enough
	free     int   // free GPUs in that pool, with the memory
}

// offer picks the pool with the fewest free GPUs that are enough, or else the
// one that comes nearest.
func (v *view) offer(w wish) offer {
	var o offer
	for i := range v.pools {
		p := &v.pools[i]
		if w.GPUType != "" && p.kind.gpuType != w.GPUType {
			continue
		}
		o.ofType += len(p.devices)
		if w.kind != nil && p.kind != *w.kind {
			continue
		}
		suitable, free := p.count(w.VRAMBytes)
		o.ofKind += len(p.devices)
		o.suitable += suitable
		if suitable >= w.GPUs && (o.pool == nil || better(free, o.free, w.GPUs)) {
			o.pool, o.free = p, free
		}
	}
	return o
}

// better tells whether a pool with so many free GPUs is preferred for n.
func better(free, than, n int) bool {
	if free >= n && than >= n {
		return free < than
	}
	return free > than
}
