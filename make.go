package aim

import (
	"encoding/binary"
	"hash/maphash"
)

// makeSeed is of this process: digests are compared within it and go nowhere.
var makeSeed = maphash.MakeSeed()

// board is what a GPU is, whatever runs on it.
type board struct {
	id, uuid, pci, gpuType, compute, memory, hive string
	partition, partitions, numa                   int
	vram                                          uint64
}

// Make is a digest of what placement has to know of a machine apart from what
// happens on it: its size, its runtimes, its labels, its GPUs and how they are
// joined. Two reports of a node with one digest are of the same machine, set up
// alike; it is never 0. Compact keeps it, so that comparing two reports takes no
// look at their GPUs.
func (n *Node) Make() uint64 {
	if n.made != 0 {
		return n.made
	}
	return n.digest() | 1
}

func (n *Node) digest() uint64 {
	var h maphash.Hash
	h.SetSeed(makeSeed)
	add := func(v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
	add(uint64(n.CPUs))
	add(n.HostBytes)
	if n.Shares {
		add(1)
	}
	for _, r := range n.Runtimes {
		add(maphash.String(makeSeed, r))
	}
	labels := uint64(0)
	for k, v := range n.Labels {
		labels += maphash.Comparable(makeSeed, [2]string{k, v}) // in any order
	}
	add(labels)
	for i := range n.GPUs {
		g := &n.GPUs[i]
		add(maphash.Comparable(makeSeed, g.board()))
		for _, p := range g.Peers {
			add(maphash.Comparable(makeSeed, p))
		}
	}
	return h.Sum64()
}

func (g *GPU) board() board {
	b := board{
		id: g.ID, uuid: g.UUID, pci: g.PCI, gpuType: g.Type, compute: g.ComputeMode, memory: g.MemoryMode, hive: g.Hive,
		partition: g.Partition, partitions: g.Partitions, numa: -1,
	}
	if g.CPUNode != nil {
		b.numa = *g.CPUNode
	}
	if g.VRAMBytes != nil {
		b.vram = *g.VRAMBytes
	}
	return b
}
