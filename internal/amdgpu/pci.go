package amdgpu

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

const (
	busDir   = "sys/bus/pci/devices"
	cardsDir = "sys/class/drm"
)

// vendorAMD is AMD's PCI vendor id for graphics (1022 is the processors').
const vendorAMD = 0x1002

// PCI base classes of GPUs: display for Radeon and MI200, processing
// accelerator for MI300 and later. Sound, USB and bridge functions of the same
// card have others.
const (
	classDisplay     = 0x03
	classAccelerator = 0x12
)

// function is an AMD GPU as the PCI bus lists it.
type function struct {
	at   address
	path string // its folder, all links resolved: sys/devices/pci…
}

// bus is what PCI says. listed is false where there is no PCI tree, as in some
// guests and in captures of KFD alone.
type bus struct {
	listed    bool
	functions []function // AMD GPUs, by address
}

func (b bus) find(at address) (function, bool) {
	i, ok := slices.BinarySearchFunc(b.functions, at, func(f function, at address) int { return f.at.compare(at) })
	if !ok {
		return function{}, false
	}
	return b.functions[i], true
}

// readBus finds AMD GPUs on the bus, whoever drives them. Where the bus is not
// shown, the DRM cards stand in for it.
func readBus(v *view) bus {
	names, err := v.list(busDir)
	if err != nil || len(names) == 0 {
		return bus{functions: readCards(v)}
	}
	b := bus{listed: true}
	for _, name := range names {
		at, ok := parseAddress(name)
		if !ok {
			continue
		}
		if dir := v.follow(busDir + "/" + name); isGPUFunction(v, dir) {
			b.functions = append(b.functions, function{at, dir})
		}
	}
	slices.SortFunc(b.functions, func(x, y function) int { return x.at.compare(y.at) })
	return b
}

// readCards lists the PCI functions behind sys/class/drm/cardN. The cards of
// partitions hang on platform devices, which have no vendor file.
func readCards(v *view) []function {
	names, err := v.list(cardsDir)
	if err != nil {
		return nil
	}
	var all []function
	for _, name := range names {
		if stem, n := splitNumber(name); stem != "card" || n < 0 {
			continue // renderD128, or a connector: card0-DP-1
		}
		dir := drmDevice(v, name)
		if !isGPUFunction(v, dir) {
			continue
		}
		if at, ok := slotName(v, dir); ok {
			all = append(all, function{at, dir})
		}
	}
	slices.SortFunc(all, func(x, y function) int { return x.at.compare(y.at) })
	return slices.CompactFunc(all, func(x, y function) bool { return x.at == y.at })
}

// drmDevice is the folder of the device behind a DRM node: …/0000:05:00.0 for
// …/0000:05:00.0/drm/renderD128.
func drmDevice(v *view, node string) string {
	link := cardsDir + "/" + node
	to := v.follow(link)
	if to == link { // a plain folder: a capture without links
		return v.follow(link + "/device")
	}
	return path.Dir(path.Dir(to))
}

// slotName finds the PCI address of a folder, by its name or by its uevent.
func slotName(v *view, dir string) (address, bool) {
	if at, ok := parseAddress(path.Base(dir)); ok {
		return at, true
	}
	return parseAddress(uevent(v, dir, "PCI_SLOT_NAME"))
}

// uevent reads one NAME=value line of a device's uevent, "" if it has none.
func uevent(v *view, dir, name string) string {
	b, err := v.bytes(dir + "/uevent")
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(b) {
		if key, text, ok := bytes.Cut(bytes.TrimSpace(line), []byte("=")); ok && string(key) == name {
			return string(text)
		}
	}
	return ""
}

func isGPUFunction(v *view, dir string) bool {
	vendor := readHex(v, dir+"/vendor")
	if !vendor.known() || vendor.value != vendorAMD {
		return false
	}
	class := readHex(v, dir+"/class")
	if !class.known() {
		return false
	}
	return class.value>>16 == classDisplay || class.value>>16 == classAccelerator
}

// driverOf names the driver that holds a PCI function, "" for none.
func driverOf(v *view, dir string) string {
	link := dir + "/driver"
	if to := v.follow(link); to != link {
		return path.Base(to)
	}
	return uevent(v, dir, "DRIVER")
}

func readHex(v *view, name string) fact[uint64] {
	b, err := v.bytes(name)
	if err != nil {
		return missing[uint64](because(path.Base(name), err))
	}
	n, ok := hexadecimal(b)
	if !ok {
		return missing[uint64](path.Base(name) + " is not a hexadecimal number")
	}
	return known(n)
}

// sharedBridges counts the PCI bridges that two devices have in common, from
// their sysfs folders. Under the same root complex but on different root ports
// they share none.
func sharedBridges(a, b string) int {
	shared := 0
	for {
		headA, restA, moreA := strings.Cut(a, "/")
		headB, restB, moreB := strings.Cut(b, "/")
		if headA != headB || !moreA || !moreB {
			return shared
		}
		if _, ok := parseAddress(headA); ok {
			shared++
		}
		a, b = restA, restB
	}
}
