package docker

import (
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"

	"github.com/aim-engine/aim"
	"github.com/docker/docker/api/types/container"
)

// firstRender is the number of the first render node of DRM.
const firstRender = 128

// deviceFiles lists the device files of a launch below the device folder: kfd,
// which all ROCm programs share, and one render node a GPU. KFD lets a process
// see the GPUs whose render node its device cgroup allows, and numbers them
// from 0.
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

// deviceMappings puts the files at their usual place in the container, readable
// and writable; making further nodes ("m") is not needed.
func deviceMappings(l aim.Launch, root string) ([]container.DeviceMapping, error) {
	files, err := deviceFiles(l)
	if err != nil {
		return nil, err
	}
	var list []container.DeviceMapping
	for _, file := range files {
		list = append(list, container.DeviceMapping{
			PathOnHost: path.Join(root, file), PathInContainer: path.Join("/dev", file), CgroupPermissions: "rw",
		})
	}
	return list, nil
}

// deviceGroups reads which groups own the launch's device files. Their numbers
// differ between distributions, and their names need not exist in the image.
func deviceGroups(l aim.Launch, root string) ([]int, error) {
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

func groupNumbers(groups []int) []string {
	var list []string
	for _, g := range groups {
		list = append(list, strconv.Itoa(g))
	}
	return list
}
