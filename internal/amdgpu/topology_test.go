package amdgpu

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// TestLinks asserts the xGMI links of the trees, as expected.yaml puts them in
// words.
func TestLinks(t *testing.T) {
	for _, tt := range []struct {
		tree   string
		within int // weight inside a GPU
		across int // weight between GPUs
		pairs  int // of physical GPUs
	}{
		{"mi300x-8x-spx", 0, 15, 28},
		{"mi300x-8x-spx-degraded", 0, 15, 21},
		{"mi300x-vf-8x-spx", 0, 15, 28},
		{"mi350x-8x-spx", 0, 15, 28},
		{"kfd-mi308x-8x-4part", 13, 41, 28},
		{"kfd-mi210-8x-two-hives", 0, 15, 12},
	} {
		t.Run(tt.tree, func(t *testing.T) {
			got := detect(t, loadTree(t, tt.tree))
			byID := map[string]aim.GPU{}
			for _, g := range got.GPUs {
				byID[g.ID] = g
			}
			pairs := map[string]bool{}
			for _, g := range got.GPUs {
				for _, p := range g.Peers {
					to := byID[p.ID]
					want := tt.across
					if to.PCI == g.PCI {
						want = tt.within
					}
					if p.Weight != want || to.Hive != g.Hive || g.Hive == "" {
						t.Errorf("%s to %q: weight %d, want %d; hives %q and %q", g.ID, p.ID, p.Weight, want, g.Hive, to.Hive)
					}
					if g.PCI < to.PCI {
						pairs[g.PCI+to.PCI] = true
					}
				}
			}
			if len(pairs) != tt.pairs {
				t.Errorf("%d pairs of GPUs are linked, want %d", len(pairs), tt.pairs)
			}
		})
	}
}

// TestNICs asserts which NIC a GPU has: the one under its switch, and none where
// there is no switch in sight.
func TestNICs(t *testing.T) {
	for i, g := range detect(t, loadTree(t, "mi350x-8x-spx")).GPUs {
		if want := fmt.Sprintf("bnxt_re%d", i); g.NIC != want || g.Unknown["nic"] != "" {
			t.Errorf("%s has NIC %q because %q, want %s", g.PCI, g.NIC, g.Unknown["nic"], want)
		}
	}
	for _, g := range detect(t, loadTree(t, "mi300x-vf-8x-spx")).GPUs {
		onNode := fmt.Sprintf("NUMA node %d: mlx5_%d", *g.CPUNode, 4**g.CPUNode)
		if g.NIC != "" || !strings.Contains(g.Unknown["nic"], onNode) {
			t.Errorf("%s has NIC %q because %q, want none and %q", g.PCI, g.NIC, g.Unknown["nic"], onNode)
		}
	}
}

// TestNearestNIC asserts the choice among several: deepest bridge first, shared
// out over the GPUs, and never a port that is down.
func TestNearestNIC(t *testing.T) {
	const (
		top   = "sys/devices/pci0000:00/0000:00:01.1"
		left  = top + "/0000:01:00.0"
		right = top + "/0000:02:00.0"
	)
	all := nics{all: []nic{
		{name: "mlx5_0", path: left + "/0000:10:00.0"},
		{name: "mlx5_1", path: left + "/0000:11:00.0"},
		{name: "mlx5_2", path: right + "/0000:20:00.0", down: "1: DOWN"},
		{name: "mlx5_9", path: "sys/devices/pci0000:80/0000:80:01.1/0000:90:00.0"},
	}}
	taken := map[string]int{}
	for i, tt := range []struct{ gpu, want string }{
		{left + "/0000:30:00.0", "mlx5_0"},
		{left + "/0000:31:00.0", "mlx5_1"},
		{left + "/0000:32:00.0", "mlx5_0"},
		{right + "/0000:33:00.0", "mlx5_1"}, // one bridge is shared; its own NIC is down
		{"sys/devices/pci0000:c0/0000:c0:01.1/0000:34:00.0", ""},
		{"", ""},
	} {
		if got, why := all.nearest(tt.gpu, nil, taken); got != tt.want || (got == "") != (why != "") {
			t.Errorf("GPU %d has %q because %q, want %q", i, got, why, tt.want)
		}
	}
}

// TestAddress asserts that addresses are read and written as the kernel does,
// and ordered by number.
func TestAddress(t *testing.T) {
	for _, s := range []string{"0000:05:00.0", "0011:00:00.0", "10000:e1:1f.7", "ffffffff:ff:00.1"} {
		if a, ok := parseAddress(s); !ok || a.String() != s {
			t.Errorf("%s is read as %s, %v", s, a, ok)
		}
	}
	for _, s := range []string{"", "05:00.0", "0000:05:00", "0000:05:20.0", "0000:05:00.8", "0000:100:00.0", "pci0000:00"} {
		if a, ok := parseAddress(s); ok {
			t.Errorf("%q is read as %s", s, a)
		}
	}
	if a := locate(1, 0xa502).String(); a != "0001:a5:00.2" {
		t.Errorf("located at %s", a)
	}
	low, _ := parseAddress("0009:00:00.0")
	high, _ := parseAddress("0010:00:00.0")
	if low.compare(high) >= 0 || compareNames("mlx5_9", "mlx5_10") >= 0 || compareNames("mlx5_0", "rdma0") >= 0 {
		t.Error("not in numeric order")
	}
}

// TestGFXName asserts the spelling of gfx targets.
func TestGFXName(t *testing.T) {
	for version, want := range map[uint64]string{
		90402: "gfx942", 90010: "gfx90a", 90500: "gfx950", 110000: "gfx1100", 100306: "gfx1036", 90008: "gfx908", 120001: "gfx1201",
	} {
		if got := gfxName(version); got != want {
			t.Errorf("%d is %s, want %s", version, got, want)
		}
	}
}
