package amdgpu

import (
	"maps"
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
)

// TestHealth asserts which signs make a GPU unhealthy, that the reason names the
// file and its value, and that the other GPUs stay as they are.
func TestHealth(t *testing.T) {
	sick, well := mi300x(0), mi300x(1)
	for _, tt := range []struct {
		name    string
		file    string
		content string
		want    []string // "": healthy
	}{
		{"as it is", "vendor", "0x1002\n", nil},
		{"memory error", "ras/umc_err_count", "ue: 2\nce: 40\n", []string{"ras/umc_err_count", "ue 2"}},
		{"link error", "ras/xgmi_wafl_err_count", "ue: 1\nce: 0\nde: 0\n", []string{"ras/xgmi_wafl_err_count", "ue 1"}},
		{"corrected errors", "ras/umc_err_count", "ue: 0\nce: 4000\n", nil},
		{"mangled counter", "ras/umc_err_count", "ue: many\n", nil},
		{"page pending", "ras/gpu_vram_bad_pages", "0x0000a1 : 0x001000 : R\n0x0000a2 : 0x001000 : P\n",
			[]string{"ras/gpu_vram_bad_pages", "1 pages pending"}},
		{"page stuck", "ras/gpu_vram_bad_pages", "0x0000a2 : 0x001000 : F\n", []string{"ras/gpu_vram_bad_pages", "1 failed"}},
		{"page retired", "ras/gpu_vram_bad_pages", "0x0000a1 : 0x001000 : R\n", nil},
		{"narrow link", "current_link_width", "8\n", []string{"current_link_width", "x8"}},
		{"slow link", "current_link_speed", "16.0 GT/s PCIe\n", []string{"current_link_speed", "16.0 GT/s"}},
		{"faster link", "current_link_speed", "64.0 GT/s PCIe\n", nil},
		{"no link state", "current_link_speed", "Unknown\n", nil},
		{"link not told", "current_link_width", "0\n", nil},
		{"hot", "hwmon/hwmon3/temp2_input", "97000\n", []string{"junction", "97", "100"}},
		{"warm", "hwmon/hwmon3/temp2_input", "85000\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := host{gpus: []card{sick, well}}.tree()
			tree.files[sick.file(tt.file)] = tt.content
			got := detect(t, tree)
			g := at(t, got, sick.at, 0)
			if (g.Health == aim.HealthUnhealthy) != (tt.want != nil) {
				t.Errorf("health is %s because %q", g.Health, g.HealthReason)
			}
			for _, word := range tt.want {
				if !strings.Contains(g.HealthReason, word) {
					t.Errorf("reason %q does not say %q", g.HealthReason, word)
				}
			}
			if o := at(t, got, well.at, 0); o.Health != aim.HealthOK || o.HealthReason != "" {
				t.Errorf("the other GPU is %s because %q", o.Health, o.HealthReason)
			}
		})
	}
}

// TestUnknownHealth asserts that a counter that cannot be read is not taken for
// one at 0.
func TestUnknownHealth(t *testing.T) {
	c := mi300x(0)
	for name, change := range map[string]func(*memTree){
		"ras/umc_err_count has no ue count": func(t *memTree) { t.files[c.file("ras/umc_err_count")] = "ue: many\n" },
		"ras/umc_err_count: input/output":   func(t *memTree) { t.errs[c.file("ras/umc_err_count")] = syscall.EIO },
		"ras/gpu_vram_bad_pages: permission": func(t *memTree) {
			t.files[c.file("ras/gpu_vram_bad_pages")] = ""
			t.errs[c.file("ras/gpu_vram_bad_pages")] = syscall.EACCES
		},
		"ras is absent": func(t *memTree) { t.remove(c.file("ras")) },
	} {
		tree := host{gpus: []card{c}}.tree()
		change(tree)
		g := at(t, detect(t, tree), c.at, 0)
		if g.Health != aim.HealthOK || !strings.Contains(g.Unknown["health"], name) {
			t.Errorf("%s: health is %s %q, unknown because %q", name, g.Health, g.HealthReason, g.Unknown["health"])
		}
	}
}

// TestHealthOfPartitions asserts that a fault of the GPU is one of all its
// partitions.
func TestHealthOfPartitions(t *testing.T) {
	c := mi300x(0).split("CPX", 8, "NPS1")
	tree := host{gpus: []card{c, mi300x(1)}}.tree()
	tree.files[c.file("ras/umc_err_count")] = "ue: 1\nce: 0\n"
	got := detect(t, tree)
	for part := range 8 {
		if g := at(t, got, c.at, part); g.Health != aim.HealthUnhealthy {
			t.Errorf("%s is %s", g.ID, g.Health)
		}
	}
}

// TestReset asserts that a GPU that is being reset is not given out, and no other
// one of its hive either: they are all reset with it.
func TestReset(t *testing.T) {
	c, lone := mi300x(0), mi300x(2)
	lone.hive = 0
	tree := host{gpus: []card{c, mi300x(1), lone}}.tree()
	tree.errs[c.file("current_compute_partition")] = syscall.EPERM
	got := detect(t, tree)
	if g := at(t, got, mi300x(1).at, 0); g.Health != aim.HealthUnhealthy || !strings.Contains(g.HealthReason, "all GPUs of its hive") {
		t.Errorf("the other GPU of the hive is %s because %q", g.Health, g.HealthReason)
	}
	if g := at(t, got, lone.at, 0); g.Health != aim.HealthOK {
		t.Errorf("a GPU outside the hive is %s because %q", g.Health, g.HealthReason)
	}
	g := at(t, got, c.at, 0)
	if g.Health != aim.HealthUnhealthy || !strings.Contains(g.HealthReason, "resetting") || g.ComputeMode != "" || g.Unknown["compute_partition"] == "" {
		t.Errorf("got %+v", g)
	}
}

// TestGone asserts that a GPU that KFD lists and nobody else knows is not given
// out.
func TestGone(t *testing.T) {
	c := mi300x(0)
	tree := host{gpus: []card{c, mi300x(1)}}.tree()
	tree.remove(c.sysfs())
	tree.remove(busDir + "/" + c.at)
	tree.remove(cardsDir + "/renderD128")
	got := detect(t, tree)
	if g := at(t, got, c.at, 0); g.Health != aim.HealthUnhealthy || !strings.Contains(g.HealthReason, "gone") {
		t.Errorf("health is %s because %q", g.Health, g.HealthReason)
	}
	if g := at(t, got, mi300x(1).at, 0); g.Health != aim.HealthOK {
		t.Errorf("the other GPU is %s because %q", g.Health, g.HealthReason)
	}
}

// TestBaseline asserts that accepted errors count only once: growth beyond them
// does, and so does any count after the driver started again from 0.
func TestBaseline(t *testing.T) {
	c := mi300x(0)
	tree := func(ue string) *memTree {
		t := host{gpus: []card{c, mi300x(1)}}.tree()
		t.files[c.file("ras/umc_err_count")] = "ue: " + ue + "\nce: 0\n"
		return t
	}
	before := at(t, detect(t, tree("3")), c.at, 0)
	if !maps.Equal(before.Errors, map[string]uint64{"umc": 3}) {
		t.Fatalf("errors are %v, want 3 of the memory", before.Errors)
	}
	accepted := func() Baseline { return Baseline{before.Board(): before.Errors} }
	for ue, want := range map[string]aim.Health{
		"0": aim.HealthOK, "3": aim.HealthOK, "4": aim.HealthUnhealthy, "1": aim.HealthUnhealthy,
	} {
		if g := at(t, detect(t, tree(ue), WithBaseline(accepted)), c.at, 0); g.Health != want {
			t.Errorf("ue %s after 3 were accepted: %s because %q, want %s", ue, g.Health, g.HealthReason, want)
		}
	}
}
