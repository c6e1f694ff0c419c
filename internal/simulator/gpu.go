package simulator

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// GPU is one device of a simulated machine.
type GPU struct {
	UUID   string `json:"uuid"`             // GPU-<16 hex>, as ROCm prints it
	Render int    `json:"render"`           // N of /dev/dri/renderDN
	KFDID  uint64 `json:"kfd_gpu_id"`       // names the GPU in KFD's process entries
	Node   int    `json:"kfd_node"`         // number of its folder in KFD's topology
	PCI    string `json:"pci"`              // dddd:bb:dd.f
	VRAM   uint64 `json:"vram_total_bytes"` // bytes

	dir string // its PCI folder
}

// readGPUs reads the GPUs from the tree itself, as any other reader would.
func readGPUs(root string) ([]GPU, error) {
	var gpus []GPU
	nodes := filepath.Join(root, topologyDir, "nodes")
	folders, err := os.ReadDir(nodes)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		g, err := readGPU(root, filepath.Join(nodes, folder.Name()))
		if err != nil {
			return nil, err
		}
		if g.KFDID != 0 {
			gpus = append(gpus, g)
		}
	}
	slices.SortFunc(gpus, func(a, b GPU) int { return a.Node - b.Node })
	return gpus, nil
}

// readGPU reads one KFD node; KFDID is 0 for a CPU.
func readGPU(root, dir string) (GPU, error) {
	id, err := readNumber(filepath.Join(dir, "gpu_id"))
	if err != nil || id == 0 {
		return GPU{}, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "properties"))
	if err != nil {
		return GPU{}, err
	}
	props := parseProperties(text)
	g := GPU{
		UUID:   fmt.Sprintf("GPU-%016x", props["unique_id"]),
		Render: int(props["drm_render_minor"]),
		KFDID:  id,
	}
	if g.Node, err = strconv.Atoi(filepath.Base(dir)); err != nil {
		return GPU{}, fmt.Errorf("read KFD node %s: its name is no number", dir)
	}
	link := filepath.Join(root, drmClass, fmt.Sprintf("renderD%d", g.Render), "device")
	if g.dir, err = filepath.EvalSymlinks(link); err != nil {
		return GPU{}, err
	}
	g.PCI = filepath.Base(g.dir)
	g.VRAM, err = readNumber(filepath.Join(g.dir, "mem_info_vram_total"))
	return g, err
}

func readNumber(file string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return n, nil
}
