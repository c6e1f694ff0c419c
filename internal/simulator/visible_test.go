package simulator

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A container sees the render nodes that it was given, and ROCm filters those.
func TestVisibleInAContainer(t *testing.T) {
	tree, err := CreateTree(t.TempDir(), "sim-1", 3)
	if err != nil {
		t.Fatal(err)
	}
	tree.PIDSpace = "pid:[1]" // the node's, so that this process is a guest
	gpus, dev := tree.gpus, t.TempDir()
	see := func(filter string) []GPU {
		return tree.visible(func(string) string { return filter }, dev)
	}
	if got := see(""); len(got) != 0 {
		t.Errorf("without devices it sees %v", got)
	}
	if err := os.Mkdir(filepath.Join(dev, "dri"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, g := range []GPU{gpus[2], gpus[0]} {
		if err := os.WriteFile(filepath.Join(dev, "dri", fmt.Sprintf("renderD%d", g.Render)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string][]string{
		"":                                 {gpus[0].UUID, gpus[2].UUID},
		"1":                                {gpus[2].UUID}, // numbered from 0 in the container
		"1,0":                              {gpus[2].UUID, gpus[0].UUID},
		gpus[2].UUID:                       {gpus[2].UUID},
		gpus[1].UUID:                       {}, // not given to the container
		gpus[0].UUID + ", " + gpus[2].UUID: {gpus[0].UUID, gpus[2].UUID},
	} {
		got := []string{}
		for _, g := range see(filter) {
			got = append(got, g.UUID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("ROCR_VISIBLE_DEVICES=%q: %v, want %v", filter, got, want)
		}
	}
}
