package simulator_test

import (
	"os"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/amdgpu"
	"github.com/aim-engine/aim/internal/simulator"
)

// detect reads the tree with the reader of real nodes.
func detect(t *testing.T, tree *simulator.Tree) aim.Detection {
	t.Helper()
	d, err := amdgpu.New(tree.Root()).Detect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestReaderOfRealNodesFindsTheGPUsOfATree(t *testing.T) {
	tree := createTree(t, "sim-1", 5)
	d := detect(t, tree)
	if len(d.GPUs) != 5 || len(d.NotOffered) != 0 || d.CPUNodes != 2 {
		t.Fatalf("it found %d GPUs, %v not offered, %d CPU nodes", len(d.GPUs), d.NotOffered, d.CPUNodes)
	}
	for i, want := range tree.GPUs() {
		g := d.GPUs[i]
		if g.ID != want.UUID || g.PCI != want.PCI || *g.RenderMinor != want.Render || g.KFDID != want.KFDID {
			t.Errorf("GPU %d is %s at %s, the tree has %+v", i, g.ID, g.PCI, want)
		}
		if g.Type != "MI300X" || *g.VRAMUsedBytes != idle || len(g.Peers) != 4 || g.ComputeMode != "SPX" {
			t.Errorf("GPU %d: type %s, %d bytes in use, %d peers, mode %s", i, g.Type, *g.VRAMUsedBytes, len(g.Peers), g.ComputeMode)
		}
		if ok, why := g.Usable(); !ok {
			t.Errorf("GPU %d is not usable: %s", i, why)
		}
	}
}

func TestReaderOfRealNodesSeesWhoHoldsVRAM(t *testing.T) {
	tree := createTree(t, "sim-1", 2)
	if _, err := tree.Hold("test", tree.GPUs()[1:], 9*gib); err != nil {
		t.Fatal(err)
	}
	d := detect(t, tree)
	if got := *d.GPUs[1].VRAMUsedBytes; got != idle+9*gib {
		t.Errorf("%d bytes in use, want %d", got, uint64(idle+9*gib))
	}
	for i, want := range []int{0, 1} {
		users, err := amdgpu.New(tree.Root()).Users(t.Context(), d.GPUs[i])
		if err != nil {
			t.Fatal(err)
		}
		if len(users) != want || want == 1 && (users[0].PID != os.Getpid() || users[0].Bytes != 9*gib) {
			t.Errorf("GPU %d has users %+v, want %d", i, users, want)
		}
	}
}

func TestReaderOfRealNodesSeesPlantedFaults(t *testing.T) {
	tree := createTree(t, "sim-1", 3)
	reader := amdgpu.New(tree.Root())
	if _, err := reader.Detect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tree.PlantError(tree.GPUs()[0], "umc", 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := tree.RemoveGPU(tree.GPUs()[1]); err != nil {
		t.Fatal(err)
	}
	d, err := reader.Detect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.GPUs) != 2 || len(d.NotOffered) != 1 || d.NotOffered[0].PCI != tree.GPUs()[1].PCI {
		t.Fatalf("%d GPUs, not offered %+v", len(d.GPUs), d.NotOffered)
	}
	if d.GPUs[0].Health != aim.HealthUnhealthy || d.GPUs[1].Health != aim.HealthOK {
		t.Errorf("health %s and %s, want the first to be unhealthy", d.GPUs[0].Health, d.GPUs[1].Health)
	}
}
