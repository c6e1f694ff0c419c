package amdgpu

import (
	"strings"
	"syscall"
	"testing"
)

// TestReason asserts that a node without GPUs says why, in words that lead to
// the cure.
func TestReason(t *testing.T) {
	cards := []card{mi300x(0), mi300x(1)}
	with := func(change func(*card)) []card {
		all := []card{mi300x(0), mi300x(1)}
		for i := range all {
			change(&all[i])
		}
		return all
	}
	for _, tt := range []struct {
		name string
		tree func() *memTree
		want []string
	}{
		{"driver not bound", func() *memTree {
			t := host{gpus: with(func(c *card) { c.driver = "none" }), noKFD: true}.tree()
			t.remove("sys/module")
			return t
		}, []string{"2 AMD GPUs on the bus", "not loaded", "modprobe amdgpu"}},
		{"driver loaded, not bound", host{gpus: with(func(c *card) { c.driver = "none" }), noKFD: true}.tree,
			[]string{"none is bound to amdgpu", "dmesg"}},
		{"hypervisor", host{gpus: with(func(c *card) { c.driver = "vfio-pci" }), noKFD: true}.tree,
			[]string{"hypervisor", "vfio-pci 2", "guests"}},
		{"no KFD", host{gpus: cards, noKFD: true}.tree,
			[]string{"amdgpu drives 2 GPUs", "no KFD", topologyDir + " is absent"}},
		{"failed to initialise", host{gpus: with(func(c *card) { c.hidden = true })}.tree,
			[]string{"failed to initialise", "dmesg"}},
		{"container without devices", func() *memTree {
			t := host{gpus: cards}.tree()
			t.errs[nodePath(2)+"/properties"], t.errs[nodePath(3)+"/properties"] = syscall.EPERM, syscall.EPERM
			t.files["dev/null"] = ""
			return t
		}, []string{"2 KFD nodes cannot be read", "/dev/kfd", "container", "--device"}},
		{"container without render nodes", func() *memTree {
			t := host{gpus: cards}.tree()
			t.errs[nodePath(2)+"/properties"], t.errs[nodePath(3)+"/properties"] = syscall.EPERM, syscall.EPERM
			t.files["dev/kfd"] = ""
			return t
		}, []string{"render nodes", "--device"}},
		{"empty properties", func() *memTree {
			t := host{gpus: cards[:1]}.tree()
			t.files[nodePath(2)+"/properties"] = ""
			return t
		}, []string{"1 KFD node cannot be read"}},
		{"no GPU", host{noKFD: true}.tree, []string{"loaded", "no AMD GPU is on the PCI bus"}},
		{"no GPU, no driver", func() *memTree {
			t := host{noKFD: true}.tree()
			t.remove("sys/module")
			return t
		}, []string{"no AMD GPU is on the PCI bus"}},
		{"KFD with CPUs alone", host{}.tree, []string{"KFD is there and lists no GPU"}},
		{"nothing", newTree, []string{"neither KFD nor a PCI bus", "sysfs root"}},
		{"a part that is not offered", host{gpus: with(func(c *card) { c.device = 0x7fff })}.tree,
			[]string{"2 AMD GPUs found", "0x7fff", "gfx942"}},
		{"an old part", host{gpus: with(func(c *card) { c.device, c.gfx = 0x738c, 90008 })}.tree,
			[]string{"gfx908 is not given out unless"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := detect(t, tt.tree())
			if len(got.GPUs) != 0 {
				t.Fatalf("offered are %+v", got.GPUs)
			}
			for _, word := range tt.want {
				if !strings.Contains(got.Reason, word) {
					t.Errorf("reason %q does not say %q", got.Reason, word)
				}
			}
		})
	}
}

// TestNotOffered asserts the reason of single GPUs that are on the bus alone,
// beside one that works.
func TestNotOffered(t *testing.T) {
	dead, gone, other := mi300x(1), mi300x(2), mi300x(3)
	dead.hidden, gone.hidden, other.hidden = true, true, true
	gone.driver, other.driver = "none", "pci-stub"
	tree := host{gpus: []card{mi300x(0), dead, gone, other}}.tree()
	tree.remove(dead.file("drm"))
	got := detect(t, tree)
	if len(got.GPUs) != 1 || len(got.NotOffered) != 3 {
		t.Fatalf("got %+v", got)
	}
	for pci, want := range map[string]string{
		dead.at:  "bound to amdgpu but no DRM and no KFD node",
		gone.at:  "no driver is bound",
		other.at: "held by the driver pci-stub",
	} {
		if why := notOfferedAt(t, got, pci); !strings.Contains(why, want) {
			t.Errorf("%s: %q does not say %q", pci, why, want)
		}
	}
}
