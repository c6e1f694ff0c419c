package inventory

import (
	"slices"

	"github.com/aim-engine/aim"
)

// Steps below which a change of a number that never stands still is not worth
// a new snapshot to the whole fleet.
const (
	vramStep  = 256 << 20 // of memory in use on a GPU: idle noise is a few MiB, a stranger's use GiBs
	diskStep  = 1 << 30   // of free disk: logs grow, weights are tens of GiB
	hostShare = 64        // of host memory, 1/64: page cache breathes
)

// steady returns next with its restless numbers left at what was published
// last, unless they moved by a step since then. Comparing with the published
// value, not with a rounded one, keeps a number that hovers at a limit quiet.
func steady(published, next aim.Node) aim.Node {
	next.HostFree = keep(published.HostFree, next.HostFree, max(next.HostBytes/hostShare, 1))
	next.DiskFree = keep(published.DiskFree, next.DiskFree, diskStep)
	next.GPUs = slices.Clone(next.GPUs)
	was := map[string]*uint64{}
	for i := range published.GPUs {
		was[published.GPUs[i].ID] = published.GPUs[i].VRAMUsedBytes
	}
	for i := range next.GPUs {
		g := &next.GPUs[i]
		before := was[g.ID]
		if before == nil || g.VRAMUsedBytes == nil {
			continue // known now and not before, or the other way round: that is news
		}
		used := keep(*before, *g.VRAMUsedBytes, vramStep)
		g.VRAMUsedBytes = &used
	}
	return next
}

func keep(published, now, step uint64) uint64 {
	if max(published, now)-min(published, now) < step {
		return published
	}
	return now
}

// flagsOf is what the node's beats say about it.
func flagsOf(n aim.Node) Flags {
	var f Flags
	if n.Cordon != "" {
		f |= FlagDraining
	}
	if slices.ContainsFunc(n.GPUs, func(g aim.GPU) bool { return g.Health != aim.HealthOK }) {
		f |= FlagDegraded
	}
	return f
}
