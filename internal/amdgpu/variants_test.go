package amdgpu

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
)

// TestPartitionModes asserts that the devices of a split GPU are those of KFD,
// each with its share, whatever the mode.
func TestPartitionModes(t *testing.T) {
	for _, tt := range []struct {
		mode   string
		parts  int
		memory string
		cus    int
		vram   uint64
	}{
		{"SPX", 1, "NPS1", 304, mi300xVRAM},
		{"DPX", 2, "NPS1", 152, 103070826496},
		{"QPX", 4, "NPS1", 76, 51535413248},
		{"CPX", 8, "NPS1", 38, 25767706624},
		{"CPX", 8, "NPS4", 38, 25767706624},
	} {
		t.Run(tt.mode+"/"+tt.memory, func(t *testing.T) {
			var h host
			for n := range 8 {
				h.gpus = append(h.gpus, mi300x(n).split(tt.mode, uint64(tt.parts), tt.memory))
			}
			got := detect(t, h.tree())
			if len(got.GPUs) != 8*tt.parts {
				t.Fatalf("%d devices, want %d", len(got.GPUs), 8*tt.parts)
			}
			checkOrder(t, got)
			for i, g := range got.GPUs {
				c := h.gpus[i/tt.parts]
				id := "GPU-" + hex16(c.unique)
				if tt.parts > 1 {
					id += fmt.Sprintf("/%d", i%tt.parts)
				}
				if g.ID != id || g.PCI != c.at || g.Partitions != tt.parts {
					t.Errorf("device %d is %s at %s of %d partitions, want %s at %s of %d", i, g.ID, g.PCI, g.Partitions, id, c.at, tt.parts)
				}
				if g.ComputeMode != tt.mode || g.MemoryMode != tt.memory {
					t.Errorf("%s: modes are %s/%s", g.ID, g.ComputeMode, g.MemoryMode)
				}
				if *g.ComputeUnits != tt.cus || *g.VRAMBytes != tt.vram || *g.RenderMinor != int(c.minor)+i%tt.parts {
					t.Errorf("%s: %d CUs, %d bytes, renderD%d", g.ID, *g.ComputeUnits, *g.VRAMBytes, *g.RenderMinor)
				}
				if len(g.Peers) != 8*tt.parts-1 {
					t.Errorf("%s: %d peers, want all %d", g.ID, len(g.Peers), 8*tt.parts-1)
				}
				if g.Health != aim.HealthOK || g.Busy != nil {
					t.Errorf("%s: health %s %s, busy %+v", g.ID, g.Health, g.HealthReason, g.Busy)
				}
			}
		})
	}
}

// TestMixedModes asserts that each GPU of a node has its own mode.
func TestMixedModes(t *testing.T) {
	h := host{gpus: []card{mi300x(0), mi300x(1).split("CPX", 8, "NPS1"), mi300x(2)}}
	got := detect(t, h.tree())
	if len(got.GPUs) != 10 {
		t.Fatalf("%d devices, want 1 + 8 + 1", len(got.GPUs))
	}
	if g := at(t, got, h.gpus[0].at, 0); g.ComputeMode != "SPX" || strings.Contains(g.ID, "/") {
		t.Errorf("whole GPU is %s in %s", g.ID, g.ComputeMode)
	}
	if g := at(t, got, h.gpus[1].at, 7); g.ComputeMode != "CPX" || !strings.HasSuffix(g.ID, "/7") || *g.VRAMBytes != mi300xVRAM/8 {
		t.Errorf("last partition is %s in %s with %d bytes", g.ID, g.ComputeMode, *g.VRAMBytes)
	}
}

// TestOnePartitionInSight asserts that a container that was given one partition
// sees it under the same id as the host does.
func TestOnePartitionInSight(t *testing.T) {
	for _, mode := range []string{"CPX", ""} { // with and without DRM's word for it
		t.Run("mode "+mode, func(t *testing.T) {
			for keep := range 8 {
				c := mi300x(0).split(mode, 8, "NPS1")
				tree := host{gpus: []card{c}}.tree()
				for part := range 8 {
					if part != keep {
						tree.errs[nodePath(2+part)+"/properties"] = syscall.EPERM
					}
				}
				got := detect(t, tree)
				if len(got.GPUs) != 1 || got.GPUs[0].ID != fmt.Sprintf("GPU-%s/%d", hex16(c.unique), keep) {
					t.Errorf("partition %d is seen as %+v", keep, got.GPUs)
				}
			}
		})
	}
}

// TestRefused asserts that GPUs of others, which a container cannot read, hide
// none of its own and are accounted for.
func TestRefused(t *testing.T) {
	h := host{gpus: []card{mi300x(0), mi300x(1), mi300x(2)}}
	for _, errno := range []error{syscall.EPERM, syscall.EACCES} {
		tree := h.tree()
		for _, node := range []int{2, 4} {
			for _, name := range []string{"/gpu_id", "/name", "/properties"} {
				tree.errs[nodePath(node)+name] = errno
			}
		}
		got := detect(t, tree)
		if len(got.GPUs) != 1 || got.GPUs[0].PCI != h.gpus[1].at {
			t.Fatalf("%v: offered are %+v", errno, got.GPUs)
		}
		for _, c := range []card{h.gpus[0], h.gpus[2]} {
			if why := notOfferedAt(t, got, c.at); !strings.Contains(why, "render node") || !strings.Contains(why, errno.Error()) {
				t.Errorf("%s is not offered because %q", c.at, why)
			}
		}
	}
}

// TestRefusedWithoutBus asserts that unreadable nodes are named even where no
// PCI address can be.
func TestRefusedWithoutBus(t *testing.T) {
	tree := host{gpus: []card{mi300x(0), mi300x(1)}, noPCI: true}.tree()
	tree.errs[nodePath(3)+"/properties"] = syscall.EPERM
	got := detect(t, tree)
	if len(got.GPUs) != 1 || len(got.NotOffered) != 1 || !strings.Contains(got.NotOffered[0].Reason, "KFD node 3") {
		t.Errorf("got %+v", got)
	}
}

// TestPureKFD asserts that GPUs are offered from KFD alone, and that what only
// DRM knows is open, with a reason.
func TestPureKFD(t *testing.T) {
	got := detect(t, host{gpus: []card{mi300x(0), mi300x(1)}, noPCI: true}.tree())
	if len(got.GPUs) != 2 {
		t.Fatalf("offered are %+v", got.GPUs)
	}
	g := got.GPUs[0]
	if ok, why := g.Usable(); !ok {
		t.Errorf("not usable: %s", why)
	}
	if g.Product != "AMD Instinct MI300X" || g.Type != "MI300X" || *g.CPUNode != 0 {
		t.Errorf("got %+v", g)
	}
	for _, field := range []string{"vram_used_bytes", "compute_partition", "memory_partition", "health", "nic"} {
		if g.Unknown[field] == "" {
			t.Errorf("%s is unknown for no reason", field)
		}
	}
}

// TestMI300A asserts that four APUs that differ in the PCI domain alone are four
// GPUs, and that shared memory does not make them integrated ones.
func TestMI300A(t *testing.T) {
	var h host
	for n := range 4 {
		h.gpus = append(h.gpus, card{
			at: fmt.Sprintf("%04x:02:00.0", n), device: 0x74a0, gfx: 90402, unique: 0xa0 + uint64(n), hive: 0x9,
			cpu: n % 2, minor: uint64(128 + 8*n), simds: 912, xccs: 6, mode: "SPX", memory: "NPS1",
			vram: 128 << 30, noDRM: true,
		})
	}
	tree := h.tree()
	tree.files[h.gpus[0].file("mem_info_vram_total")] = "536870912\n" // a carve-out, as some firmware has
	got := detect(t, tree)
	if len(got.GPUs) != 4 {
		t.Fatalf("offered are %+v, not %+v", got.GPUs, got.NotOffered)
	}
	for i, g := range got.GPUs {
		if g.PCI != h.gpus[i].at || g.Type != "MI300A" || *g.VRAMBytes != 128<<30 || *g.ComputeUnits != 228 {
			t.Errorf("got %+v", g)
		}
	}
}

// TestOtherParts asserts type, target and links of parts that are not all alike
// MI300X.
func TestOtherParts(t *testing.T) {
	mi325x := mi300x(0)
	mi325x.device, mi325x.vram = 0x74a5, 274877906944
	die := func(n int, peers ...string) card {
		c := mi300x(n)
		c.device, c.gfx, c.simds, c.xccs, c.mode, c.vram, c.peers = 0x7408, 90010, 440, 1, "", 68702699520, peers
		return c
	}
	mi250x := []card{die(0, die(1).at), die(1, die(0).at, die(2).at), die(2, die(1).at)}
	h := host{gpus: append([]card{mi325x}, mi250x[1:]...)}
	h.gpus[1].peers = []string{mi250x[2].at}
	tree := h.tree()
	for _, c := range h.gpus[1:] {
		tree.files[c.file("current_link_speed")] = "16.0 GT/s PCIe\n" // PCIe 4 is all it has
	}
	got := detect(t, tree)
	if g := at(t, got, mi325x.at, 0); g.Type != "MI325X" || g.Product != "AMD Instinct MI325X" || *g.VRAMBytes != 274877906944 {
		t.Errorf("got %+v", g)
	}
	first, second := at(t, got, h.gpus[1].at, 0), at(t, got, h.gpus[2].at, 0)
	if first.Type != "MI250X" || first.Arch != "gfx90a" || *first.ComputeUnits != 110 || first.Health != aim.HealthOK {
		t.Errorf("got %+v", first)
	}
	if len(first.Peers) != 1 || first.Peers[0] != (aim.Peer{ID: second.ID, Weight: 15}) {
		t.Errorf("peers of %s are %+v, want %s alone", first.ID, first.Peers, second.ID)
	}
}

// TestOldKernel asserts that a data centre part on a kernel that tells little is
// described as far as it goes, and not offered without its gfx target.
func TestOldKernel(t *testing.T) {
	c := mi300x(0)
	tree := host{gpus: []card{c}, noPCI: true}.tree()
	file := nodePath(2) + "/properties"
	tree.files[file] = dropLines(tree.files[file], "domain", "num_xcc", "hive_id")
	got := detect(t, tree)
	if g := at(t, got, c.at, 0); g.Hive != "" || g.Unknown["hive"] == "" || g.ID != "GPU-"+hex16(c.unique) {
		t.Errorf("got %+v", g)
	}
	again := tree.copy()
	again.files[file] = dropLines(tree.files[file], "gfx_target_version")
	if why := notOfferedAt(t, detect(t, again), c.at); !strings.Contains(why, "gfx target") {
		t.Errorf("not offered because %q", why)
	}
}

func dropLines(text string, names ...string) string {
	var kept []string
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, " ")
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// TestIdentity asserts that devices without a hardware id of their own still get
// distinct ids.
func TestIdentity(t *testing.T) {
	twin, none := mi300x(1), mi300x(2)
	twin.unique = mi300x(0).unique
	none.unique = 0
	h := host{gpus: []card{mi300x(0), twin, none}}
	got := detect(t, h.tree())
	checkOrder(t, got)
	for _, c := range h.gpus {
		g := at(t, got, c.at, 0)
		if g.ID != "GPU-pci-"+c.at || g.UUID != "" || g.Unknown["uuid"] == "" {
			t.Errorf("%s is %s, uuid %q because %q", c.at, g.ID, g.UUID, g.Unknown["uuid"])
		}
	}
}

// TestIdentityFromDRM asserts that DRM's word for the hardware id stands in for
// KFD's.
func TestIdentityFromDRM(t *testing.T) {
	c := mi300x(0)
	tree := host{gpus: []card{c}}.tree()
	file := nodePath(2) + "/properties"
	tree.files[file] = dropLines(tree.files[file], "unique_id")
	if g := at(t, detect(t, tree), c.at, 0); g.ID != "GPU-"+hex16(c.unique) || g.UUID != g.ID {
		t.Errorf("got %s, %s", g.ID, g.UUID)
	}
}

// TestPlace asserts that the firmware's NUMA node goes before KFD's link, and
// that -1 means that it says nothing.
func TestPlace(t *testing.T) {
	c := mi300x(0) // KFD links it to CPU 0
	for told, want := range map[string]any{"1": 1, "0": 0, "-1": 0, "": 0} {
		tree := host{gpus: []card{c}}.tree()
		tree.files[c.file("numa_node")] = told + "\n"
		if g := at(t, detect(t, tree), c.at, 0); deref(g.CPUNode) != want {
			t.Errorf("numa_node %q: CPU node is %v, want %v", told, deref(g.CPUNode), want)
		}
	}
}

// TestVirtualFunctions asserts that an SR-IOV function that KFD lists under its
// own function number is a GPU of its own and not a partition.
func TestVirtualFunctions(t *testing.T) {
	a, b := mi300x(0), mi300x(1)
	a.at, b.at = "0000:05:02.0", "0000:05:02.1"
	a.device, b.device = 0x74b5, 0x74b5
	tree := host{gpus: []card{a, b}}.tree()
	file := nodePath(3) + "/properties"
	tree.files[file] = strings.Replace(tree.files[file], "location_id 1296", "location_id 1297", 1)
	got := detect(t, tree)
	for _, c := range []card{a, b} {
		if g := at(t, got, c.at, 0); g.Partitions != 1 || g.Type != "MI300X" || g.Product != "AMD Instinct MI300X VF" {
			t.Errorf("got %+v", g)
		}
	}
}

// TestAllowed asserts that the operator can add gfx targets, and that integrated
// GPUs stay out all the same.
func TestAllowed(t *testing.T) {
	tree := loadTree(t, "desktop-dgpu-igpu")
	got := detect(t, tree, WithAllowed("gfx1100", "gfx1036"))
	if len(got.GPUs) != 1 || got.GPUs[0].PCI != "0000:03:00.0" || got.GPUs[0].Unknown["type"] == "" {
		t.Errorf("offered are %+v", got.GPUs)
	}
	if why := notOfferedAt(t, got, "0000:0d:00.0"); !strings.Contains(why, "integrated") {
		t.Errorf("the integrated GPU is not offered because %q", why)
	}
	// Without its id in the table it still shows by its memory.
	for name, text := range tree.files {
		tree.files[name] = strings.ReplaceAll(strings.ReplaceAll(text, "device_id 5710", "device_id 9999"), "unique_id 0\n", "unique_id 5\n")
	}
	if why := notOfferedAt(t, detect(t, tree.copy(), WithAllowed("gfx1036")), "0000:0d:00.0"); !strings.Contains(why, "DRM") {
		t.Errorf("the integrated GPU is not offered because %q", why)
	}
}
