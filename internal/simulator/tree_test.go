package simulator_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aim-engine/aim/internal/simulator"
)

// createTree makes a tree that the test throws away.
func createTree(t *testing.T, node string, gpus int) *simulator.Tree {
	t.Helper()
	tree, err := simulator.CreateTree(t.TempDir(), node, gpus)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// readText reads a file of a tree.
func readText(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// properties reads a KFD properties file.
func properties(t *testing.T, parts ...string) map[string]string {
	t.Helper()
	props := map[string]string{}
	for line := range strings.Lines(readText(t, parts...)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		props[name] = value
	}
	return props
}

func count(t *testing.T, pattern ...string) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestTreeShowsItsGPUsInKFDInDRMAndOnThePCIBus(t *testing.T) {
	for _, gpus := range []int{1, 5, 8} {
		t.Run(fmt.Sprint(gpus), func(t *testing.T) {
			tree := createTree(t, "sim-1", gpus)
			root := tree.Root()
			if got := len(tree.GPUs()); got != gpus {
				t.Fatalf("the tree has %d GPUs, want %d", got, gpus)
			}
			const bmc, cpus = 1, 2
			for name, want := range map[string]int{
				"sys/class/kfd/kfd/topology/nodes/*":  cpus + gpus,
				"sys/bus/pci/drivers/amdgpu/0000:*":   gpus,
				"sys/class/drm/renderD*":              gpus * 8,
				"sys/class/drm/card*":                 gpus*8 + bmc,
				"dev/dri/renderD*":                    gpus * 8,
				"dev/dri/card*":                       gpus*8 + bmc,
				"sys/devices/platform/amdgpu_xcp_*":   gpus * 7,
				"sys/class/hwmon/hwmon*":              gpus,
				"dev/kfd":                             1,
				"sys/class/kfd/kfd/proc/*":            0,
				"sys/bus/pci/drivers/pcieport/0000:*": gpus * 5,
				"sys/bus/pci/drivers/ast/0000:*":      bmc,
			} {
				if got := count(t, root, name); got != want {
					t.Errorf("%s: %d, want %d", name, got, want)
				}
			}
			if got := readText(t, root, "sys/class/kfd/kfd/topology/generation_id"); got != strconv.Itoa(cpus+gpus) {
				t.Errorf("generation %s, want %d", got, cpus+gpus)
			}
		})
	}
}

func TestTreeHasNoTraceOfTheGPUsThatWereCutOff(t *testing.T) {
	tree := createTree(t, "sim-1", 3)
	nodes := filepath.Join(tree.Root(), "sys/class/kfd/kfd/topology/nodes")
	for node := range 5 {
		dir := filepath.Join(nodes, strconv.Itoa(node))
		props := properties(t, dir, "properties")
		for _, kind := range []string{"io_links", "p2p_links"} {
			if got := strconv.Itoa(count(t, dir, kind, "*")); got != props[kind+"_count"] {
				t.Errorf("node %d has %s %s, its properties say %s", node, got, kind, props[kind+"_count"])
			}
			for i := range count(t, dir, kind, "*") {
				to := properties(t, dir, kind, strconv.Itoa(i), "properties")["node_to"]
				if _, err := os.Stat(filepath.Join(nodes, to)); err != nil {
					t.Errorf("node %d, %s/%d leads to node %s, which is not there", node, kind, i, to)
				}
			}
		}
	}
	err := filepath.WalkDir(tree.Root(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("dangling link: %v", err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGPUIDsAreTheSameEverywhereInATreeAndInNoOther(t *testing.T) {
	first, second := createTree(t, "sim-1", 3), createTree(t, "sim-2", 3)
	seen := map[string]bool{}
	hives := map[string]bool{}
	for _, tree := range []*simulator.Tree{first, second} {
		for _, g := range tree.GPUs() {
			if seen[g.UUID] {
				t.Errorf("%s is there twice", g.UUID)
			}
			seen[g.UUID] = true
			kfd := properties(t, tree.Root(), "sys/class/kfd/kfd/topology/nodes", strconv.Itoa(g.Node), "properties")
			unique, err := strconv.ParseUint(kfd["unique_id"], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			device := filepath.Join(tree.Root(), "sys/class/drm", fmt.Sprintf("renderD%d", g.Render), "device")
			pci := readText(t, device, "unique_id")
			if want := fmt.Sprintf("%016x", unique); pci != want || g.UUID != "GPU-"+want {
				t.Errorf("ids differ: KFD %s, PCI %s, GPU %s", want, pci, g.UUID)
			}
			if hive := readText(t, device, "xgmi_hive_info/xgmi_hive_id"); hive != kfd["hive_id"] {
				t.Errorf("hives differ: PCI %s, KFD %s", hive, kfd["hive_id"])
			}
			hives[kfd["hive_id"]] = true
			if g.VRAM != 206_141_652_992 || g.KFDID == 0 || !strings.HasPrefix(g.PCI, "0000:") {
				t.Errorf("GPU %+v is not an MI300X", g)
			}
		}
	}
	if len(hives) != 2 {
		t.Errorf("two nodes have %d hives, want 2", len(hives))
	}
	again := createTree(t, "sim-1", 2).GPUs()
	if again[1].UUID != first.GPUs()[1].UUID {
		t.Errorf("a node made again has GPU %s, it had %s", again[1].UUID, first.GPUs()[1].UUID)
	}
}

func TestCreateTreeKeepsATreeThatIsThere(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	g := tree.GPUs()[0]
	if err := tree.PlantError(g, "umc", 2, 0); err != nil {
		t.Fatal(err)
	}
	again, err := simulator.CreateTree(tree.Root(), "sim-1", 1)
	if err != nil {
		t.Fatal(err)
	}
	if again.GPUs()[0].UUID != g.UUID || again.Node() != "sim-1" {
		t.Errorf("opened %s with %s, want sim-1 with %s", again.Node(), again.GPUs()[0].UUID, g.UUID)
	}
	ras := filepath.Join(tree.Root(), "sys/class/drm", fmt.Sprintf("renderD%d", g.Render), "device/ras/umc_err_count")
	if got := readText(t, ras); got != "ue: 2\nce: 0" {
		t.Errorf("the planted error is gone: %q", got)
	}
	for _, other := range []struct {
		node string
		gpus int
	}{{"sim-2", 1}, {"sim-1", 2}} {
		if _, err := simulator.CreateTree(tree.Root(), other.node, other.gpus); err == nil || !strings.Contains(err.Error(), "holds node sim-1 with 1 GPUs") {
			t.Errorf("CreateTree(%s, %d) over it: %v", other.node, other.gpus, err)
		}
	}
}

func TestCreateTreeBuildsAgainWhatWasCutOff(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	for _, gone := range []string{"node.json", "sys/class/kfd", "holders"} {
		if err := os.RemoveAll(filepath.Join(tree.Root(), gone)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := simulator.OpenTree(tree.Root()); err == nil {
		t.Error("half a tree was opened")
	}
	again, err := simulator.CreateTree(tree.Root(), "sim-1", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Hold("test", again.GPUs(), 1); err != nil {
		t.Error(err)
	}
}

func TestCreateTreeRefusesImpossibleMachines(t *testing.T) {
	for _, c := range []struct {
		node string
		gpus int
	}{{"", 1}, {"sim-1", 0}, {"sim-1", 9}} {
		if _, err := simulator.CreateTree(t.TempDir(), c.node, c.gpus); err == nil {
			t.Errorf("CreateTree(%q, %d) is no error", c.node, c.gpus)
		}
	}
}

func TestDevicesAreCharacterDevicesForRoot(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	probe := filepath.Join(t.TempDir(), "probe")
	if err := makeNull(probe); err != nil {
		t.Skipf("this user cannot make device nodes: %v", err)
	}
	for _, name := range []string{"kfd", fmt.Sprintf("dri/renderD%d", tree.GPUs()[0].Render)} {
		info, err := os.Stat(filepath.Join(tree.Root(), "dev", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&fs.ModeCharDevice == 0 || info.Mode().Perm() != 0o666 {
			t.Errorf("%s has mode %v, want a character device for all", name, info.Mode())
		}
	}
}

func TestRemovedGPUIsGoneFromKFDAndStillOnTheBus(t *testing.T) {
	tree := createTree(t, "sim-1", 3)
	gone := tree.GPUs()[1]
	if err := tree.RemoveGPU(gone); err != nil {
		t.Fatal(err)
	}
	again, err := simulator.OpenTree(tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(again.GPUs()); got != 2 {
		t.Errorf("%d GPUs are left, want 2", got)
	}
	if got := count(t, tree.Root(), "sys/bus/pci/drivers/amdgpu", gone.PCI); got != 1 {
		t.Errorf("the PCI device %s is gone too", gone.PCI)
	}
	topology := filepath.Join(tree.Root(), "sys/class/kfd/kfd/topology")
	if got := readText(t, topology, "generation_id"); got != "6" {
		t.Errorf("generation %s, want 6", got)
	}
	links, err := filepath.Glob(filepath.Join(topology, "nodes/*/*_links/*/properties"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if properties(t, link)["node_to"] == strconv.Itoa(gone.Node) {
			t.Errorf("%s leads to the GPU that is gone", link)
		}
	}
	// Whoever opened the tree before can still account for it.
	if err := tree.Recompute(); err != nil {
		t.Error(err)
	}
}

func TestPlantErrorNamesABlockThatIsNotThere(t *testing.T) {
	tree := createTree(t, "sim-1", 1)
	if err := tree.PlantError(tree.GPUs()[0], "flux", 1, 0); err == nil || !strings.Contains(err.Error(), "flux") {
		t.Errorf("PlantError: %v", err)
	}
}
