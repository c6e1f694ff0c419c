package amdgpu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// reason says in one sentence why no GPU is offered, and what to do about it.
func (s *survey) reason(others []aim.NotOffered) string {
	hidden := s.hiddenNodes()
	switch {
	case len(s.boards) > 0:
		return fmt.Sprintf("%s found, none is given out: %s", count(len(others), "AMD GPU"), distinct(others))
	case len(hidden) > 0:
		return s.reasonHidden(hidden)
	case len(s.leftovers) > 0:
		return s.reasonLeftovers()
	case s.topology.listed:
		return "KFD is there and lists no GPU, and no AMD GPU is on the PCI bus"
	case s.module:
		return "the amdgpu driver is loaded and no AMD GPU is on the PCI bus"
	case s.bus.listed:
		return "no AMD GPU is on the PCI bus"
	}
	return "there is neither KFD nor a PCI bus to look at (" + s.topology.why + "): is the sysfs root right?"
}

func (s *survey) reasonHidden(hidden []kfdNode) string {
	why := fmt.Sprintf("%s cannot be read (%s)", count(len(hidden), "KFD node"), hidden[0].why)
	if s.hidesKFD {
		return why + " and there is no /dev/kfd: this container was given no GPU; " + giveDevices
	}
	if hidden[0].refused {
		return why + ": this container was not given the render nodes; " + giveDevices
	}
	return why
}

const giveDevices = "start it with --device=/dev/kfd and the --device=/dev/dri/renderD* of its GPUs"

// reasonLeftovers explains GPUs that are on the bus alone, by who drives them.
func (s *survey) reasonLeftovers() string {
	byDriver := map[string]int{}
	for _, l := range s.leftovers {
		byDriver[l.device.driver]++
	}
	vfio := byDriver["vfio-pci"]
	switch {
	case byDriver["gim"] > 0 || vfio > 0:
		return fmt.Sprintf("this is a hypervisor: of %s on the bus, gim holds %d and vfio-pci %d; run a node in the guests",
			count(len(s.leftovers), "AMD GPU"), byDriver["gim"], vfio)
	case byDriver[driverAMDGPU] == 0 && !s.module:
		return fmt.Sprintf("%s on the bus and the amdgpu driver is not loaded; load it with: modprobe amdgpu",
			count(len(s.leftovers), "AMD GPU"))
	case byDriver[driverAMDGPU] == 0:
		return fmt.Sprintf("%s on the bus and none is bound to amdgpu, which is loaded; see dmesg",
			count(len(s.leftovers), "AMD GPU"))
	case !s.topology.listed:
		return "amdgpu drives " + count(byDriver[driverAMDGPU], "GPU") + " but there is no KFD (" + s.topology.why +
			"): only graphics; the kernel needs CONFIG_HSA_AMD"
	}
	return "amdgpu drives " + count(byDriver[driverAMDGPU], "GPU") + " and none has a KFD node: they failed to initialise; see dmesg"
}

// distinct joins the reasons of several GPUs, each once, in the order of the bus.
func distinct(others []aim.NotOffered) string {
	var all []string
	for _, o := range others {
		if !slices.Contains(all, o.Reason) {
			all = append(all, o.Reason)
		}
	}
	return strings.Join(all, "; ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
