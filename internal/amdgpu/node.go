package amdgpu

import (
	"errors"
	"io/fs"
	"math/bits"
	"strconv"
)

// kfdNode is one node of the KFD topology: a NUMA node, a GPU, or a partition of
// one.
type kfdNode struct {
	number  int
	why     string // nothing could be read; "" = readable
	refused bool   // for want of permission
	gpuID   fact[uint64]
	props   kfdProperties
	vram    fact[uint64] // bytes
	used    fact[uint64] // bytes; only AMD's packaged driver tells
	links   []kfdLink
}

// kfdProperties are the lines of "properties" that matter; nil = no such line,
// or no number in it.
type kfdProperties struct {
	cores, simds, simdPerCU, xccs *uint64
	gfx, device, location, domain *uint64
	renderMinor, hive, unique     *uint64
}

// isGPU tells GPU nodes from NUMA nodes, which have a gpu_id of 0.
func (n *kfdNode) isGPU() bool {
	if n.why != "" || value(n.props.simds) == 0 {
		return false
	}
	return !n.gpuID.known() || n.gpuID.value != 0
}

func (n *kfdNode) isCPU() bool { return n.why == "" && value(n.props.cores) > 0 }

// value is for comparisons where 0 and unknown mean the same.
func value(n *uint64) uint64 {
	if n == nil {
		return 0
	}
	return *n
}

func nodePath(n int) string { return nodesDir + "/" + strconv.Itoa(n) }

// readNode reads one node. In a container that lacks the GPU's render node the
// kernel refuses gpu_id, name and properties with EPERM.
func readNode(v *view, number int) kfdNode {
	dir := nodePath(number)
	n := kfdNode{number: number, gpuID: v.number(dir + "/gpu_id")}
	b, err := v.bytes(dir + "/properties")
	if err != nil {
		n.why = because("properties", err)
		n.refused = errors.Is(err, fs.ErrPermission)
		return n
	}
	for name, text := range properties(b) {
		if at := n.props.field(string(name)); at != nil {
			if num, ok := decimal(text); ok {
				*at = &num
			}
		}
	}
	if n.props.cores == nil && n.props.simds == nil {
		n.why = "properties names neither cores nor SIMDs"
		return n
	}
	if !n.isGPU() {
		return n // links and memory of a NUMA node are of no use here
	}
	n.vram, n.used = readBanks(v, dir+"/mem_banks")
	n.links = readLinks(v, dir+"/io_links", nil)
	n.links = readLinks(v, dir+"/p2p_links", n.links)
	return n
}

// field is where to keep the line of this name, nil to pass it over.
func (p *kfdProperties) field(name string) **uint64 {
	switch name {
	case "cpu_cores_count":
		return &p.cores
	case "simd_count":
		return &p.simds
	case "simd_per_cu":
		return &p.simdPerCU
	case "num_xcc":
		return &p.xccs
	case "gfx_target_version":
		return &p.gfx
	case "device_id":
		return &p.device
	case "location_id":
		return &p.location
	case "domain":
		return &p.domain
	case "drm_render_minor":
		return &p.renderMinor
	case "hive_id":
		return &p.hive
	case "unique_id":
		return &p.unique
	}
	return nil
}

// readBanks adds up the VRAM banks: heap 1 can be seen by the CPU, heap 2 can
// not; heap 0 is system memory. If one bank cannot be read the sum is unknown.
// (local_mem_size in properties is 0 on current kernels.)
func readBanks(v *view, dir string) (vram, used fact[uint64]) {
	names, err := v.list(dir)
	if err != nil {
		why := because("mem_banks", err)
		return missing[uint64](why), missing[uint64](why)
	}
	vram, used = missing[uint64](noVRAM), missing[uint64](noVRAM)
	for _, bank := range numbered(names, "") {
		at := dir + "/" + strconv.Itoa(bank)
		heap, size, why := readBank(v, at+"/properties")
		if why != "" {
			return missing[uint64](why), missing[uint64](why)
		}
		if heap != 1 && heap != 2 {
			continue
		}
		vram = sum(vram, known(size))
		used = sum(used, v.number(at+"/used_memory"))
	}
	return vram, used
}

// noVRAM is the reason that stands for an empty sum.
const noVRAM = "mem_banks has no VRAM"

func sum(a, b fact[uint64]) fact[uint64] {
	if a.why == noVRAM {
		return b
	}
	if !a.known() {
		return a
	}
	if !b.known() {
		return b
	}
	total, carry := bits.Add64(a.value, b.value, 0)
	if carry != 0 {
		return missing[uint64]("mem_banks adds up to more than 64 bits")
	}
	return known(total)
}

func readBank(v *view, file string) (heap, size uint64, why string) {
	b, err := v.bytes(file)
	if err != nil {
		return 0, 0, "mem_banks: " + because("properties", err)
	}
	var hasHeap, hasSize bool
	for name, text := range properties(b) {
		switch string(name) {
		case "heap_type":
			heap, hasHeap = decimal(text)
		case "size_in_bytes":
			size, hasSize = decimal(text)
		}
	}
	if !hasHeap || !hasSize {
		return 0, 0, "mem_banks: a bank lacks its heap_type or size_in_bytes"
	}
	return heap, size, ""
}
