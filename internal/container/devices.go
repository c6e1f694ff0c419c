package container

import (
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/aim-engine/aim"
)

// firstRender is the number of the first render node of DRM.
const firstRender = 128

// deviceFiles lists the device files of a launch below the device folder: kfd,
// which all ROCm programs share, and one render node a GPU. KFD lets a process
// see the GPUs whose render node its device cgroup allows, and numbers them
// from 0. Simulated GPUs have those of their tree, which stand-ins count.
func deviceFiles(l aim.Launch) ([]string, error) {
	if len(l.GPUs) == 0 {
		return nil, nil
	}
	files := []string{"kfd"}
	for _, g := range l.GPUs {
		file := g.Render()
		if file == "" || *g.RenderMinor < firstRender {
			return nil, aim.Failf(aim.ClassGPUFault, "the device file of GPU %s is not known", g.ID)
		}
		if slices.Contains(files, file) {
			return nil, aim.Failf(aim.ClassInput, "GPU %s is listed twice: %s", g.ID, file)
		}
		files = append(files, file)
	}
	return files, nil
}

// devices puts the files at their usual place in the container.
func devices(l aim.Launch, root string) ([]Device, error) {
	files, err := deviceFiles(l)
	if err != nil {
		return nil, err
	}
	var list []Device
	for _, file := range files {
		list = append(list, Device{Source: path.Join(root, file), Target: path.Join("/dev", file)})
	}
	return list, nil
}

// DeviceGroups reads which groups own the launch's device files on this machine.
// Their numbers differ between distributions, and their names need not exist in
// the image. A file that is not here is a Failure of class gpu_fault.
func DeviceGroups(l aim.Launch, root string) ([]int, error) {
	files, err := deviceFiles(l)
	if err != nil {
		return nil, err
	}
	var groups []int
	for _, file := range files {
		full := path.Join(root, file)
		info, err := os.Stat(full)
		if err != nil {
			return nil, aim.Failf(aim.ClassGPUFault, "the device file of a GPU cannot be used: %v", err).
				WithHint("check that the amdgpu driver is loaded")
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || info.Mode()&os.ModeCharDevice == 0 {
			return nil, aim.Failf(aim.ClassGPUFault, "%s is not a device file", full)
		}
		groups = append(groups, int(stat.Gid))
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}
