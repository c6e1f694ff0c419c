package amdgpu

import (
	"slices"

	"github.com/aim-engine/aim"
)

// judge turns what was read into the answer. It reads nothing itself.
func judge(s survey, allowed map[string]bool, accepted Baseline) aim.Detection {
	found := aim.Detection{
		GPUs:       []aim.GPU{},
		NotOffered: []aim.NotOffered{},
		Driver:     s.driver,
		Generation: s.topology.generation,
	}
	for i := range s.topology.nodes {
		if s.topology.nodes[i].isCPU() {
			found.CPUNodes++
		}
	}
	shared := sharedIDs(s.boards)
	byNode := map[int]int{} // KFD node number -> index in found.GPUs
	resetting := map[string]bool{}
	for _, b := range s.boards {
		if why := refuse(b, allowed); why != "" {
			found.NotOffered = append(found.NotOffered, notOffered(b.pci(), b.device, b.deviceID(), why))
			continue
		}
		for _, g := range s.gpus(b, shared, accepted) {
			byNode[g.KFDNode] = len(found.GPUs)
			resetting[g.Board()] = b.device.resetting
			found.GPUs = append(found.GPUs, g)
		}
	}
	spreadResets(found.GPUs, resetting)
	s.addPeers(found.GPUs, byNode)
	s.addNICs(found.GPUs)
	found.NotOffered = append(found.NotOffered, s.unlisted()...)
	slices.SortStableFunc(found.NotOffered, func(x, y aim.NotOffered) int { return comparePCI(x.PCI, y.PCI) })
	if len(found.GPUs) == 0 {
		found.Reason = s.reason(found.NotOffered)
	}
	return found
}

// gpus describes every partition of a GPU, in order of partition.
func (s *survey) gpus(b *board, shared map[string]bool, accepted Baseline) []aim.GPU {
	m := models[b.deviceID().value]
	count := b.partitions(m)
	all := make([]aim.GPU, 0, len(b.nodes))
	for i, n := range b.nodes {
		g := aim.GPU{
			KFDNode:    n.number,
			Partition:  b.partition(i),
			Partitions: count,
			Type:       m.kind,
			Product:    productName(b.device, b.deviceID()),
		}
		setIdentity(&g, b, shared)
		setShape(&g, n)
		setMemory(&g, n, b.device)
		s.setPlace(&g, n, b.device)
		setHealth(&g, b.device, m, accepted[g.Board()])
		if b.device.gone && s.bus.listed {
			g.Health = aim.HealthUnhealthy
			g.HealthReason = "KFD lists it, but it is gone from the PCI bus and from DRM"
		}
		s.setBusy(&g, b, n)
		all = append(all, g)
	}
	slices.SortStableFunc(all, func(x, y aim.GPU) int { return x.Partition - y.Partition })
	return all
}

// sharedIDs finds unique ids that several physical GPUs have, which some
// firmware and hypervisors hand out: they cannot serve as identity.
func sharedIDs(all []*board) map[string]bool {
	count := map[string]int{}
	for _, b := range all {
		count[b.uuid()]++
	}
	shared := map[string]bool{}
	for id, n := range count {
		shared[id] = n > 1
	}
	return shared
}
