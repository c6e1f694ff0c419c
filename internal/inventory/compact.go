package inventory

import (
	"slices"
	"unique"

	"github.com/aim-engine/aim"
)

// Compact makes a node that has just been decoded share its memory with itself
// and with others: words such as types, modes and addresses are kept once in a
// process, the peers of a GPU name it by the GPU's own id, neighbours share
// the numbers they have in common, and slices have no room to grow. The values
// stay as they are. A fleet of ten thousand nodes of eight GPUs takes half the
// memory (fleet_10k_mib), and equal words compare by their address (fleet_apply_us).
func Compact(n *aim.Node) {
	for _, s := range []*string{&n.Address, &n.Version, &n.Namespace, &n.Driver} {
		share(s)
	}
	for _, all := range []*[]string{&n.Runtimes, &n.Images, &n.Models} {
		*all = slices.Clip(append([]string(nil), *all...))
		for i := range *all {
			share(&(*all)[i])
		}
	}
	n.GPUs = slices.Clip(append([]aim.GPU(nil), n.GPUs...))
	for i := range n.GPUs {
		compactGPU(&n.GPUs[i])
		if i > 0 {
			takeAfter(&n.GPUs[i], &n.GPUs[i-1])
		}
	}
	sharePeers(n)
}

func compactGPU(g *aim.GPU) {
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
func takeAfter(g, o *aim.GPU) {
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

// sharePeers lets all GPUs of a node share one list of peers. Where each is
// joined to every other alike, the list of one is a stretch of the ring of all,
// beginning behind it.
func sharePeers(n *aim.Node) {
	if len(n.GPUs) == 0 || len(n.GPUs[0].Peers) == 0 {
		return
	}
	count := len(n.GPUs)
	ring := make([]aim.Peer, 2*count-1)
	for i := range ring {
		ring[i] = aim.Peer{ID: n.GPUs[i%count].ID, Weight: n.GPUs[0].Peers[0].Weight}
	}
	for i := range n.GPUs {
		if g, others := &n.GPUs[i], ring[i+1:i+count:i+count]; slices.Equal(g.Peers, others) {
			g.Peers = others
		}
	}
}

// share replaces a word by the one that all in the process share.
func share(s *string) {
	if *s != "" {
		*s = unique.Make(*s).Value()
	}
}
