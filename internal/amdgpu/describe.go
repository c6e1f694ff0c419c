package amdgpu

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/aim-engine/aim"
)

// setIdentity names the GPU by its hardware id, and by its slot when it has none
// of its own.
func setIdentity(g *aim.GPU, b *board, shared map[string]bool) {
	g.PCI = b.pci()
	if g.PCI == "" {
		note(g, "pci", "properties has no location_id")
	}
	if id := b.deviceID(); id.known() {
		g.DeviceID = fmt.Sprintf("0x%04x", id.value)
	} else {
		note(g, "device_id", id.why)
	}
	if g.Type == "" {
		note(g, "type", cmp.Or(g.DeviceID, "its device")+" is not in the table of known parts")
	}
	g.UUID = b.uuid()
	g.ID = g.UUID
	switch {
	case g.UUID == "":
		note(g, "uuid", "neither KFD nor DRM tells its unique_id")
		g.ID = "GPU-pci-" + g.PCI
	case shared[g.UUID] && g.PCI != "":
		note(g, "uuid", "another GPU of this node has the unique_id "+g.UUID)
		g.UUID = ""
		g.ID = "GPU-pci-" + g.PCI
	}
	if g.Partitions > 1 {
		g.ID += "/" + strconv.Itoa(g.Partition)
	}
}

// setShape fills what KFD's properties tell of the device.
func setShape(g *aim.GPU, n *kfdNode) {
	p := n.props
	if g.GFXTargetVersion = p.gfx; p.gfx != nil {
		g.Arch = gfxName(*p.gfx)
	} else {
		note(g, "gfx_target_version", "properties has no gfx_target_version")
	}
	if n.gpuID.known() {
		g.KFDID = n.gpuID.value
	} else {
		note(g, "kfd_gpu_id", n.gpuID.why)
	}
	// Minors below 128 are those of cards; 0 stands for none.
	if minor := value(p.renderMinor); minor >= 128 && minor < 1<<20 {
		g.RenderMinor = pointer(int(minor))
	} else {
		note(g, "render_minor", "properties has no usable drm_render_minor")
	}
	if per, simds := value(p.simdPerCU), value(p.simds); per > 0 && simds/per > 0 && simds/per < 1<<20 {
		g.ComputeUnits = pointer(int(simds / per))
	} else {
		note(g, "cu", "properties has no usable simd_per_cu")
	}
	if p.hive == nil {
		note(g, "hive", "properties has no hive_id")
	} else if *p.hive != 0 {
		g.Hive = hex16(*p.hive)
	}
}

// setMemory fills sizes and modes. DRM's figures are of the physical GPU, so
// they hold for a whole one only; KFD's are of the node. Where KFD shows more
// than DRM on a whole GPU, the memory is shared with the processor (MI300A).
func setMemory(g *aim.GPU, n *kfdNode, d device) {
	total, used := d.total, d.used.or(n.used)
	split := g.Partitions > 1 || d.compute.known() && d.compute.value != "SPX"
	if split || total.value == 0 || n.vram.known() && n.vram.value > total.value {
		total = n.vram
	}
	if split {
		used = n.used.or(d.used)
	}
	if total.known() && total.value == 0 {
		total = missing[uint64]("its size is told as 0")
	}
	g.VRAMBytes = take(g, "vram_bytes", total)
	g.VRAMUsedBytes = take(g, "vram_used_bytes", used)
	g.ComputeMode = text(g, "compute_partition", d.compute)
	g.MemoryMode = text(g, "memory_partition", d.memory)
}

// setPlace finds the NUMA node: the firmware's word for the PCI function, else
// the nearest CPU that KFD links it to (PCIe on cards, xGMI on MI300A).
func (s *survey) setPlace(g *aim.GPU, n *kfdNode, d device) {
	if d.numa.known() {
		g.CPUNode = pointer(d.numa.value)
		return
	}
	best := -1
	for _, l := range n.links {
		to := s.topology.find(l.to)
		if to != nil && to.isCPU() && (best < 0 || l.weight < best) {
			best = l.weight
			g.CPUNode = pointer(l.to)
		}
	}
	if g.CPUNode == nil {
		note(g, "cpu_node", d.numa.why+", and KFD links it to no CPU")
	}
}

// note records why a field has no value.
func note(g *aim.GPU, field, why string) {
	if g.Unknown == nil {
		g.Unknown = map[string]string{}
	}
	g.Unknown[field] = why
}

// take returns the value, or nil and a note.
func take(g *aim.GPU, field string, f fact[uint64]) *uint64 {
	if !f.known() {
		note(g, field, f.why)
		return nil
	}
	return pointer(f.value)
}

func text(g *aim.GPU, field string, f fact[string]) string {
	if !f.known() {
		note(g, field, f.why)
	}
	return f.value
}

func pointer[T any](v T) *T { return &v }
