package amdgpu

import "fmt"

// model is what is known of a device id, whatever the machine says.
type model struct {
	kind string // the type that recipes name: MI300X
	name string // as people know it: MI300X VF
	xccs int    // dies of the whole GPU; 0 = not known for sure
	gts  float64
	// gts is the PCIe transfer rate of a healthy slot in GT/s: 16 for PCIe 4
	// parts, 32 for PCIe 5; 0 = not to be checked, because MI300A sits on the
	// socket and a virtual function shows what the hypervisor makes up.
}

// models is the table of data centre parts by PCI device id: names as in
// libdrm's amdgpu.ids. HF parts are faster bins of the same type. A virtual
// function has a device id of its own and may have part of the dies.
var models = map[uint64]model{
	0x738c: {kind: "MI100", name: "MI100", xccs: 1, gts: 16},
	0x7408: {kind: "MI250X", name: "MI250X", xccs: 1, gts: 16},
	0x740c: {kind: "MI250X", name: "MI250X", xccs: 1, gts: 16},
	0x740f: {kind: "MI210", name: "MI210", xccs: 1, gts: 16},
	0x74a0: {kind: "MI300A", name: "MI300A", xccs: 6},
	0x74a1: {kind: "MI300X", name: "MI300X", xccs: 8, gts: 32},
	0x74a2: {kind: "MI308X", name: "MI308X", xccs: 4, gts: 32},
	0x74a5: {kind: "MI325X", name: "MI325X", xccs: 8, gts: 32},
	0x74a8: {kind: "MI308X", name: "MI308X HF", gts: 32},
	0x74a9: {kind: "MI300X", name: "MI300X HF", gts: 32},
	0x74b5: {kind: "MI300X", name: "MI300X VF"},
	0x74b6: {kind: "MI308X", name: "MI308X"},
	0x74b9: {kind: "MI325X", name: "MI325X VF"},
	0x74bc: {kind: "MI308X", name: "MI308X HF VF"},
	0x74bd: {kind: "MI300X", name: "MI300X HF"},
	0x75a0: {kind: "MI350X", name: "MI350X", xccs: 8, gts: 32},
	0x75a3: {kind: "MI355X", name: "MI355X", xccs: 8, gts: 32},
	0x75b0: {kind: "MI350X", name: "MI350X VF"},
	0x75b3: {kind: "MI355X", name: "MI355X VF"},
}

// offeredTargets are the gfx targets that are given out without being asked
// for: MI200, MI300 and MI350, which the servers' ROCm builds support.
var offeredTargets = map[string]bool{"gfx90a": true, "gfx942": true, "gfx950": true}

// integrated are the device ids of GPUs inside desktop and laptop processors.
// They have no memory of their own: what KFD calls VRAM is the host's.
var integrated = map[uint64]string{
	0x13c0: "Granite Ridge", 0x1435: "Van Gogh", 0x163f: "Van Gogh",
	0x1506: "Mendocino", 0x150e: "Strix", 0x1586: "Strix Halo",
	0x15bf: "Phoenix", 0x15c8: "Phoenix 2", 0x15d8: "Picasso", 0x15dd: "Raven",
	0x15e7: "Barcelo", 0x1636: "Renoir", 0x1638: "Cezanne", 0x164c: "Lucienne",
	0x164d: "Rembrandt", 0x164e: "Raphael", 0x1681: "Rembrandt",
	0x1900: "Hawk Point", 0x1901: "Hawk Point",
}

// gfxName spells KFD's gfx_target_version (major*10000 + minor*100 + step) as
// the compiler does: 90402 is gfx942, 90010 gfx90a, 110000 gfx1100.
func gfxName(version uint64) string {
	return fmt.Sprintf("gfx%d%d%x", version/10000, version/100%100, version%100)
}

// productName is the name for people: the card's own, else the table's, else
// the id. A virtual function has an empty product_name, and a newer one may not
// be in the table; its subsystem id is then that of the physical part.
func productName(d device, id fact[uint64]) string {
	if d.product.known() {
		return d.product.value
	}
	if !id.known() {
		return ""
	}
	if m, ok := models[id.value]; ok {
		return "AMD Instinct " + m.name
	}
	if m, ok := models[d.subsystem.value]; ok && d.subsystem.known() {
		return fmt.Sprintf("AMD Instinct %s VF (device 0x%04x)", m.name, id.value)
	}
	if d.class.known() && d.class.value>>16 == classDisplay {
		return fmt.Sprintf("AMD GPU 0x%04x (Radeon)", id.value)
	}
	return fmt.Sprintf("AMD GPU 0x%04x", id.value)
}
