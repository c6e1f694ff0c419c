package aim

import (
	"slices"
	"unique"
)

// Compact makes a node that has just been decoded share its memory with itself
// and with others: words such as types, modes and addresses are kept once in a
// process, the peers of a GPU name it by the GPU's own id, neighbours share
// the numbers they have in common, and slices have no room to grow. The values stay as they are. A fleet of ten thousand nodes of
// eight GPUs takes half the memory, and equal words compare by their address.
func (n *Node) Compact() {
	for _, s := range []*string{&n.Address, &n.Version, &n.Namespace, &n.Driver} {
		share(s)
	}
	for _, all := range []*[]string{&n.Runtimes, &n.Images, &n.Models} {
		*all = slices.Clip(append([]string(nil), *all...))
		for i := range *all {
			share(&(*all)[i])
		}
	}
	n.GPUs = slices.Clip(append([]GPU(nil), n.GPUs...))
	peers := 0
	for i := range n.GPUs {
		n.GPUs[i].compact()
		if i > 0 {
			n.GPUs[i].takeAfter(&n.GPUs[i-1])
		}
		peers += len(n.GPUs[i].Peers)
	}
	n.sharePeers(make([]Peer, 0, peers))
}

func (g *GPU) compact() {
	for _, s := range []*string{
		&g.PCI, &g.Type, &g.Product, &g.DeviceID, &g.Arch, &g.ComputeMode, &g.MemoryMode, &g.NIC, (*string)(&g.Health),
	} {
		share(s)
	}
	if g.UUID == g.ID {
		g.UUID = g.ID
	}
}

// takeAfter shares the numbers that a GPU has in common with its neighbour.
func (g *GPU) takeAfter(o *GPU) {
	alias(&g.GFXTargetVersion, o.GFXTargetVersion)
	alias(&g.ComputeUnits, o.ComputeUnits)
	alias(&g.VRAMBytes, o.VRAMBytes)
	alias(&g.VRAMUsedBytes, o.VRAMUsedBytes)
	alias(&g.CPUNode, o.CPUNode)
	if g.Hive == o.Hive {
		g.Hive = o.Hive
	}
}

func alias[T comparable](p **T, o *T) {
	if *p != nil && o != nil && **p == *o {
		*p = o
	}
}

// sharePeers puts the peers of all GPUs into one slice.
func (n *Node) sharePeers(all []Peer) {
	for i := range n.GPUs {
		g, from := &n.GPUs[i], len(all)
		if len(g.Peers) == 0 {
			continue
		}
		for _, p := range g.Peers {
			for j := range n.GPUs {
				if n.GPUs[j].ID == p.ID {
					p.ID = n.GPUs[j].ID
				}
			}
			all = append(all, p)
		}
		g.Peers = all[from:len(all):len(all)]
	}
}

// share replaces a word by the one that all in the process share.
func share(s *string) {
	if *s != "" {
		*s = unique.Make(*s).Value()
	}
}
