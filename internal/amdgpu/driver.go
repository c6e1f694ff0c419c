package amdgpu

import (
	"slices"
)

const driverAMDGPU = "amdgpu"

// driverState is what the host tells of the amdgpu module.
type driverState struct {
	version  string
	loaded   bool
	hidesKFD bool
}

// readDriver finds the driver's version. Only AMD's packaged driver has one; the
// kernel's own is named by the kernel's release and its srcversion.
func readDriver(v *view) driverState {
	const module = "sys/module/" + driverAMDGPU
	var d driverState
	if _, err := v.list(module); err == nil {
		d.loaded = true
	}
	if names, err := v.list("dev"); err == nil && len(names) > 0 {
		d.hidesKFD = !slices.Contains(names, "kfd")
	}
	if version := v.text(module + "/version"); version.known() {
		d.version = version.value
		return d
	}
	source := v.text(module + "/srcversion")
	if !source.known() {
		return d
	}
	d.version = "srcversion " + source.value
	if release := v.text("proc/sys/kernel/osrelease"); release.known() {
		d.version = "kernel " + release.value + ", " + d.version
	}
	return d
}
