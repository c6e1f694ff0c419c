package topology

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/aim-engine/aim"
)

// Layout is how GPUs of one kind lie in a machine:
//
//	NUMA node 0            NUMA node 1
//	board 0 ─ board 1      board 2 ─ board 3      ─ xGMI
//	GPU 0     GPU 1        GPU 2     GPU 3        (partitioned: several GPUs a board)
//
// All machines that are built alike share one Layout, and with it what has been found
// out about which GPUs go well together.
type Layout struct {
	boards []board
	NUMAs  int               // NUMA nodes that the boards lie in; 1 where none is known
	chosen map[query]*Choice // a cache: see Choose
}

// board is a physical GPU: one device, or the partitions of it.
type board struct {
	devices Mask
	linked  uint64 // boards joined to it by xGMI, a bit each
	near    uint64 // boards in its NUMA node, itself included
}

// maxBoards bounds the bit masks over boards; machines have at most 16.
const maxBoards = 64

// NewLayout reads how the GPUs lie; devices are the numbers of gpus in the
// order of ByAddress. Boards are joined as the GPUs list their peers, or, where the
// node could read no links, by the hive they share.
func NewLayout(gpus []*aim.GPU, devices []int) *Layout {
	l := &Layout{chosen: map[query]*Choice{}}
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
		l.boards[b].devices.Add(devices[i])
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

func (l *Layout) joinPeers(b int, g *aim.GPU, boardOf map[string]int) {
	for _, peer := range g.Peers {
		if other, ok := boardOf[peer.ID]; ok {
			l.join(b, other)
		}
	}
}

func (l *Layout) joinHives(first []*aim.GPU) {
	for i, a := range first {
		for j, b := range first[:i] {
			if a.Hive != "" && a.Hive == b.Hive && len(a.Peers)+len(b.Peers) == 0 {
				l.join(i, j)
			}
		}
	}
}

func (l *Layout) join(i, j int) {
	l.boards[i].linked |= 1 << j
	l.boards[j].linked |= 1 << i
}

// findNear notes who shares a NUMA node; all whose node is not known share one.
func (l *Layout) findNear(first []*aim.GPU) {
	var seen uint64
	for i, a := range first {
		for j, b := range first {
			if numaOf(a) == numaOf(b) {
				l.boards[i].near |= 1 << j
			}
		}
		if seen&(1<<i) == 0 {
			seen |= l.boards[i].near
			l.NUMAs++
		}
	}
}

func numaOf(g *aim.GPU) int {
	if g.CPUNode == nil {
		return -1
	}
	return *g.CPUNode
}

// Key appends bytes that are equal for equal layouts.
func (l *Layout) Key(b []byte) []byte {
	for i := range l.boards {
		x := &l.boards[i]
		for _, v := range []uint64{x.devices[0], x.devices[1], x.linked, x.near} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	return b
}

// BoardsOf are the boards that these devices lie on, a bit each.
func (l *Layout) BoardsOf(devices Mask) uint64 {
	var set uint64
	for i := range l.boards {
		if l.boards[i].devices.And(devices) != (Mask{}) {
			set |= 1 << i
		}
	}
	return set
}

// ByAddress numbers the GPUs of a node: the places in its list by PCI address, whatever order it lists them in.
func ByAddress(n *aim.Node) []int {
	order := make([]int, len(n.GPUs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &n.GPUs[i], &n.GPUs[j]
		return cmp.Or(cmp.Compare(a.PCI, b.PCI), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.ID, b.ID))
	})
	return order[:min(len(order), MaxGPUs)]
}
