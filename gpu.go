package aim

import (
	"fmt"
	"strings"
)

// GPU is a device that can be given out: a whole GPU, or one partition of it,
// as the node's KFD topology lists it. A value that the node cannot read is
// nil (or "") and Unknown says why; it is never 0.
type GPU struct {
	ID               string  `json:"id"`                // "GPU-<16 hex>", with "/<partition>" when the GPU is split
	UUID             string  `json:"uuid"`              // of the physical GPU; the same for all its partitions
	PCI              string  `json:"pci"`               // dddd:bb:dd.f of the physical GPU
	Type             string  `json:"type,omitempty"`    // MI300X, ...
	Product          string  `json:"product,omitempty"` // board name for people
	DeviceID         string  `json:"device_id"`         // 0x74a1
	Arch             string  `json:"gfx,omitempty"`     // gfx942
	GFXTargetVersion *uint64 `json:"gfx_target_version"`
	KFDNode          int     `json:"kfd_node"`          // node number in the KFD topology
	KFDID            uint64  `json:"kfd_gpu_id"`        // KFD's gpu_id: unique on this boot of this node only
	RenderMinor      *int    `json:"render_minor"`      // N of /dev/dri/renderDN; may change over a reboot
	Partition        int     `json:"partition"`         // number within the physical GPU
	Partitions       int     `json:"partitions"`        // partitions of the physical GPU; 1 = whole
	ComputeUnits     *int    `json:"cu"`                // of this device
	VRAMBytes        *uint64 `json:"vram_bytes"`        // of this device
	VRAMUsedBytes    *uint64 `json:"vram_used_bytes"`   // of this device where the driver tells, else of the physical GPU
	ComputeMode      string  `json:"compute_partition"` // SPX, DPX, QPX, CPX; "" unknown
	MemoryMode       string  `json:"memory_partition"`  // NPS1, NPS2, NPS4; "" unknown
	CPUNode          *int    `json:"cpu_node"`          // NUMA node nearest to it
	Hive             string  `json:"hive,omitempty"`    // GPUs with the same hive reach each other over xGMI
	Peers            []Peer  `json:"peers,omitempty"`   // xGMI links to other offered devices, in their order, beginning behind this one
	NIC              string  `json:"nic,omitempty"`     // RDMA device on the same PCIe switch
	Health           Health  `json:"health"`            // may it be given out
	HealthReason     string  `json:"health_reason,omitempty"`
	// Errors are the uncorrectable memory and link errors of the physical GPU
	// since its driver was loaded, by RAS block ("umc", "gfx", ...); without those
	// that have had none.
	Errors map[string]uint64 `json:"uncorrectable_errors,omitempty"`
	Busy   *Busy             `json:"busy,omitempty"` // in use by somebody who holds no claim

	// Unknown says why a value is missing, by JSON field name.
	Unknown map[string]string `json:"unknown,omitempty"`
}

// Peer is an xGMI link to another device.
type Peer struct {
	ID     string `json:"id"`
	Weight int    `json:"weight"` // KFD's io_link weight: 15 a hop between GPUs, 13 inside one
}

// Health of a GPU, worst last.
type Health string

// A GPU is given out while it is ok. Unhealthy is read from the hardware;
// quarantined is the node's own decision, kept in its state file.
const (
	HealthOK          Health = "ok"
	HealthUnhealthy   Health = "unhealthy"
	HealthQuarantined Health = "quarantined"
)

// Busy is a use of a GPU that no claim of ours explains.
type Busy struct {
	Who   string `json:"who"` // "process 41873 (python3)", "container 3fa1… (image)", "unknown"
	Bytes uint64 `json:"bytes,omitempty"`
}

// NotOffered is a device on the bus that is not given out, and why.
type NotOffered struct {
	PCI     string `json:"pci"`
	Product string `json:"product,omitempty"`
	Reason  string `json:"reason"`
}

// Detection is what a node's sysfs says about GPUs at one moment.
type Detection struct {
	GPUs       []GPU        `json:"gpus"`        // by PCI address, then partition
	NotOffered []NotOffered `json:"not_offered"` // by PCI address
	Driver     string       `json:"driver,omitempty"`
	Reason     string       `json:"reason,omitempty"`     // why there is no GPU, if there is none
	Generation string       `json:"generation,omitempty"` // KFD's generation_id: changes with the topology
	CPUNodes   int          `json:"cpu_nodes"`
}

// Render is the device file of the GPU below /dev, or "".
func (g GPU) Render() string {
	if g.RenderMinor == nil {
		return ""
	}
	return fmt.Sprintf("dri/renderD%d", *g.RenderMinor)
}

// Usable tells whether the GPU could be given out now, apart from claims, and
// if not, why not.
func (g GPU) Usable() (ok bool, why string) {
	switch {
	case g.Health == HealthQuarantined:
		return false, "quarantined: " + g.HealthReason
	case g.Health != HealthOK:
		return false, "unhealthy: " + g.HealthReason
	case g.Busy != nil:
		return false, "in use by " + g.Busy.Who
	case g.RenderMinor == nil:
		return false, "its device file is not known"
	case g.VRAMBytes == nil:
		return false, "its memory size is not known"
	}
	return true, ""
}

// Board is the id of the physical GPU: the same for all its partitions.
func (g GPU) Board() string {
	board, _, _ := strings.Cut(g.ID, "/")
	return board
}

// ShareMargin is the memory of a GPU, in bytes, that shares never get: what
// firmware and driver keep of an idle one (284 MiB on MI300X), and what may be
// in use before a node takes the GPU for a stranger's (1 GiB).
const ShareMargin = 2 << 30

// ShareBudget is how many bytes of the GPU's memory all shares of it may hold
// together; 0 where its size is not known.
func (g GPU) ShareBudget() uint64 {
	if g.VRAMBytes == nil || *g.VRAMBytes < ShareMargin {
		return 0
	}
	return *g.VRAMBytes - ShareMargin
}
