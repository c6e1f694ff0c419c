package amdgpu

import (
	"fmt"
	"strings"

	"github.com/aim-engine/aim"
)

// refuse says why a GPU that KFD lists is not given out, "" if it is. Data
// centre parts in the table are; anything else only if its gfx target was
// allowed; integrated GPUs never.
func refuse(b *board, allowed map[string]bool) string {
	id, unique := b.deviceID(), b.nodes[0].props.unique
	gfx := b.nodes[0].props.gfx
	_, inTable := models[id.value] // 0, if unknown, is no device
	if !inTable {
		if why := integratedSign(b, id, unique); why != "" {
			return "integrated GPU, its memory is the host's: " + why
		}
	}
	if gfx == nil {
		return "KFD does not tell its gfx target: the kernel or the GPU is too old"
	}
	if b.uuid() == "" && !b.located {
		return "KFD tells neither its unique_id nor its location_id: it cannot be named"
	}
	name := gfxName(*gfx)
	if inTable && offeredTargets[name] || allowed[name] {
		return ""
	}
	if inTable || !offeredTargets[name] {
		return name + " is not given out unless this node allows it"
	}
	return fmt.Sprintf("device 0x%04x is not a known part; it is given out if this node allows %s", id.value, name)
}

// integratedSign looks for the signs of a GPU inside a processor.
func integratedSign(b *board, id fact[uint64], unique *uint64) string {
	if name, ok := integrated[id.value]; ok {
		return "device " + name
	}
	if unique != nil && *unique == 0 {
		return "unique_id is 0"
	}
	own, vram := b.device.total, b.nodes[0].vram
	if own.known() && own.value > 0 && vram.known() && vram.value > own.value {
		return fmt.Sprintf("KFD counts %d bytes of memory, DRM %d", vram.value, own.value)
	}
	return ""
}

func notOffered(pci string, d device, id fact[uint64], why string) aim.NotOffered {
	return aim.NotOffered{PCI: pci, Product: productName(d, id), Reason: why}
}

// unlisted accounts for the GPUs on the bus without a KFD node, and for KFD
// nodes that cannot be read. In a container the two are often the same GPU, so
// the nodes are listed on their own only when the bus does not show it.
func (s *survey) unlisted() []aim.NotOffered {
	var all []aim.NotOffered
	hidden := s.hiddenNodes()
	matched := false
	for _, l := range s.leftovers {
		why := s.whyUnlisted(l.device, hidden)
		matched = matched || l.device.driver == driverAMDGPU
		all = append(all, notOffered(l.at.String(), l.device, l.device.id, why))
	}
	if matched {
		return all
	}
	for _, n := range hidden {
		all = append(all, aim.NotOffered{Reason: fmt.Sprintf("KFD node %d cannot be read: %s", n.number, n.why)})
	}
	return all
}

// hiddenNodes are the KFD nodes of which nothing could be read.
func (s *survey) hiddenNodes() []kfdNode {
	var hidden []kfdNode
	for _, n := range s.topology.nodes {
		if n.why != "" {
			hidden = append(hidden, n)
		}
	}
	return hidden
}

// whyUnlisted explains a GPU on the bus that has no readable KFD node, from who
// drives it.
func (s *survey) whyUnlisted(d device, hidden []kfdNode) string {
	switch {
	case d.hangs:
		return d.why
	case d.driver == "":
		return "no driver is bound to it; load the driver with: modprobe amdgpu"
	case d.driver == "gim":
		return "held by gim: this is a hypervisor, and the GPU is given out in its guests"
	case strings.HasPrefix(d.driver, "vfio"):
		return "held by " + d.driver + " for a virtual machine"
	case d.driver != driverAMDGPU:
		return "held by the driver " + d.driver
	case len(hidden) > 0 && d.hasDRM && hidden[0].refused:
		return fmt.Sprintf("its KFD node cannot be read (%s): this container was not given its render node", hidden[0].why)
	case len(hidden) > 0 && d.hasDRM:
		return fmt.Sprintf("its KFD node cannot be read (%s)", hidden[0].why)
	case !s.topology.listed:
		return "bound to amdgpu, but there is no KFD: " + s.topology.why
	case !d.hasDRM:
		return "bound to amdgpu but no DRM and no KFD node: it failed to initialise; see dmesg"
	}
	return "bound to amdgpu but no KFD node: it failed to initialise for compute; see dmesg"
}
