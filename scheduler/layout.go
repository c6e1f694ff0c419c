package scheduler

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/aim-engine/aim"
)

// kind is what GPUs must have in common to serve one replica together: tensor
// parallelism needs equal shares, so sizes and partition modes never mix.
type kind struct {
	gpuType    string
	partitions int
	compute    string // SPX, CPX, ...
	memory     string // NPS1, ...
}

func kindOf(g *aim.GPU) kind {
	return kind{gpuType: g.Type, partitions: max(g.Partitions, 1), compute: g.ComputeMode, memory: g.MemoryMode}
}

func (k kind) compare(o kind) int {
	return cmp.Or(cmp.Compare(k.gpuType, o.gpuType), cmp.Compare(k.partitions, o.partitions),
		cmp.Compare(k.compute, o.compute), cmp.Compare(k.memory, o.memory))
}

// layout is how GPUs of one kind lie in a machine. All machines that are built
// alike share one layout, and with it what has been found out about which GPUs
// go well together.
type layout struct {
	boards []board
	numas  int // NUMA nodes that the boards lie in; 1 where none is known
	chosen map[ask]*choice
}

// board is a physical GPU: one device, or the partitions of it.
type board struct {
	devices mask
	linked  uint64 // boards joined to it by xGMI, a bit each
	near    uint64 // boards in its NUMA node, itself included
}

// maxBoards bounds the bit masks over boards; machines have at most 16.
const maxBoards = 64

// newLayout reads how the GPUs lie; devices are the places of gpus in the
// chassis' order. Boards are joined as the GPUs list their peers, or, where the
// node could read no links, by the hive they share.
func newLayout(gpus []*aim.GPU, devices []int) *layout {
	l := &layout{chosen: map[ask]*choice{}}
	var first []*aim.GPU // of every board
	boardOf := map[string]int{}
	byKey := map[string]int{}
	for i, g := range gpus {
		key := cmp.Or(g.UUID, g.PCI, g.ID)
		b, ok := byKey[key]
		if !ok {
			if len(l.boards) == maxBoards {
				break
			}
			b = len(l.boards)
			byKey[key] = b
			l.boards = append(l.boards, board{})
			first = append(first, g)
		}
		l.boards[b].devices.add(devices[i])
		boardOf[g.ID] = b
	}
	for i, g := range gpus {
		if b, ok := boardOf[g.ID]; ok && i < len(gpus) {
			l.joinPeers(b, g, boardOf)
		}
	}
	l.joinHives(first)
	l.findNear(first)
	return l
}

func (l *layout) joinPeers(b int, g *aim.GPU, boardOf map[string]int) {
	for _, peer := range g.Peers {
		if other, ok := boardOf[peer.ID]; ok {
			l.join(b, other)
		}
	}
}

func (l *layout) joinHives(first []*aim.GPU) {
	for i, a := range first {
		for j, b := range first[:i] {
			if a.Hive != "" && a.Hive == b.Hive && len(a.Peers)+len(b.Peers) == 0 {
				l.join(i, j)
			}
		}
	}
}

func (l *layout) join(i, j int) {
	l.boards[i].linked |= 1 << j
	l.boards[j].linked |= 1 << i
}

// findNear notes who shares a NUMA node; all whose node is not known share one.
func (l *layout) findNear(first []*aim.GPU) {
	var seen uint64
	for i, a := range first {
		for j, b := range first {
			if numaOf(a) == numaOf(b) {
				l.boards[i].near |= 1 << j
			}
		}
		if seen&(1<<i) == 0 {
			seen |= l.boards[i].near
			l.numas++
		}
	}
}

func numaOf(g *aim.GPU) int {
	if g.CPUNode == nil {
		return -1
	}
	return *g.CPUNode
}

// key is equal for equal layouts.
func (l *layout) key(b []byte) []byte {
	for i := range l.boards {
		x := &l.boards[i]
		for _, v := range []uint64{x.devices[0], x.devices[1], x.linked, x.near} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	return b
}

// boardsOf are the boards that these devices lie on, a bit each.
func (l *layout) boardsOf(devices mask) uint64 {
	var set uint64
	for i := range l.boards {
		if l.boards[i].devices.and(devices) != (mask{}) {
			set |= 1 << i
		}
	}
	return set
}

// byAddress orders the GPUs of a node, whatever order it lists them in.
func byAddress(n *aim.Node) []int {
	order := make([]int, len(n.GPUs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &n.GPUs[i], &n.GPUs[j]
		return cmp.Or(cmp.Compare(a.PCI, b.PCI), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.ID, b.ID))
	})
	return order[:min(len(order), maxDevices)]
}
