package recipes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
)

// VRAM that nodes report, in bytes.
const (
	mi300x = uint64(206141652992)
	mi325x = uint64(274609471488)
	mi355x = uint64(309220868096)
)

var archOf = map[string]string{"MI300X": "gfx942", "MI325X": "gfx942", "MI355X": "gfx950", "MI210": "gfx90a"}

// fleet makes a fleet of one node for each "count x type of bytes".
func fleet(groups ...group) aim.Fleet {
	var f aim.Fleet
	for i, g := range groups {
		node := aim.Node{ID: fmt.Sprintf("n%d", i+1)}
		for j := range g.count {
			vram := g.vram
			node.GPUs = append(node.GPUs, aim.GPU{ID: fmt.Sprintf("GPU-%016x", i*100+j), Type: g.gpuType, Arch: archOf[g.gpuType], VRAMBytes: &vram, Health: aim.HealthOK})
		}
		f.Nodes = append(f.Nodes, aim.FleetNode{Node: node, Liveness: aim.Alive})
	}
	return f
}

type group struct {
	count   int
	gpuType string
	vram    uint64
}

func load(t testing.TB, dirs ...string) *recipes.Catalogue {
	t.Helper()
	c, err := recipes.Load(dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// folder writes files into a new folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
