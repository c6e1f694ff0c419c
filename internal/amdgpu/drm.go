package amdgpu

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// device is what the folder of a GPU's PCI function tells: names, memory in use
// and health, for the physical GPU as a whole. Every part of it is optional.
type device struct {
	path      string // "" = no folder was found
	why       string // why not, or which file hangs
	hangs     bool
	gone      bool // DRM is there and does not know it
	driver    string
	hasDRM    bool
	product   fact[string]
	id        fact[uint64] // PCI device id
	subsystem fact[uint64]
	class     fact[uint64]
	unique    fact[uint64]
	numa      fact[int]
	compute   fact[string] // SPX …
	memory    fact[string] // NPS1 …
	resetting bool         // the driver refuses to tell the modes
	total     fact[uint64] // VRAM, bytes
	used      fact[uint64] // VRAM, bytes
	health    vitals
}

// noDevice is a device of which nothing is known.
func noDevice(why string) device {
	text, number := missing[string](why), missing[uint64](why)
	return device{
		why: why, product: text, compute: text, memory: text,
		id: number, subsystem: number, class: number, unique: number, total: number, used: number,
		numa:   missing[int](why),
		health: vitals{why: why},
	}
}

// readGPU reads a GPU that KFD lists, with its signs of health.
func readGPU(v *view, dir string, renderMinor *uint64) device {
	d := readDevice(v, dir, renderMinor)
	if d.path != "" {
		d.health = readVitals(v, d.path)
	}
	return d
}

// readDevice reads the folder of a GPU: the one that PCI lists, else the one
// behind its render node.
func readDevice(v *view, dir string, renderMinor *uint64) device {
	if dir == "" {
		dir = deviceOfRender(v, renderMinor)
	}
	if dir == "" {
		d := noDevice("there are no DRM and PCI files for it")
		cards, err := v.list(cardsDir)
		d.gone = err == nil && len(cards) > 0
		return d
	}
	d := device{
		path:      dir,
		driver:    driverOf(v, dir),
		product:   v.text(dir + "/product_name"),
		id:        readHex(v, dir+"/device"),
		subsystem: readHex(v, dir+"/subsystem_device"),
		class:     readHex(v, dir+"/class"),
		unique:    readHex(v, dir+"/unique_id"),
		numa:      readNUMA(v, dir+"/numa_node"),
		total:     v.number(dir + "/mem_info_vram_total"),
		used:      v.number(dir + "/mem_info_vram_used"),
	}
	nodes, err := v.list(dir + "/drm")
	d.hasDRM = err == nil && len(nodes) > 0 || strings.HasPrefix(dir, cardsDir)
	var busy1, busy2 bool
	d.compute, busy1 = readMode(v, dir+"/current_compute_partition")
	d.memory, busy2 = readMode(v, dir+"/current_memory_partition")
	d.resetting = busy1 || busy2
	return d
}

// deviceOfRender follows a render node to its PCI function. Render nodes of
// further partitions lead to a platform device instead, which tells nothing.
func deviceOfRender(v *view, minor *uint64) string {
	if minor == nil {
		return ""
	}
	dir := drmDevice(v, "renderD"+strconv.FormatUint(*minor, 10))
	if _, err := v.bytes(dir + "/vendor"); err != nil {
		return ""
	}
	return dir
}

// readNUMA reads numa_node, in which -1 means that the firmware does not say.
func readNUMA(v *view, name string) fact[int] {
	t := v.text(name)
	if !t.known() {
		return missing[int](t.why)
	}
	n, err := strconv.Atoi(t.value)
	if err != nil || n < 0 {
		return missing[int]("numa_node is " + clip([]byte(t.value)))
	}
	return known(n)
}

// readMode reads a partition mode. The driver refuses with EPERM while it
// resets the GPU.
func readMode(v *view, name string) (mode fact[string], resetting bool) {
	b, err := v.bytes(name)
	if err != nil {
		return missing[string](because(path.Base(name), err)), errors.Is(err, syscall.EPERM)
	}
	text := string(b)
	if !isMode(text) {
		return missing[string](path.Base(name) + " is not a mode: " + strconv.Quote(clip(b))), false
	}
	return known(text), false
}

// isMode accepts three or four capitals and digits, so that a mode of a later
// GPU is passed on and "UNKNOWN", which the driver also writes, is not.
func isMode(s string) bool {
	return len(s) >= 3 && len(s) <= 4 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
