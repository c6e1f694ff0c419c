package amdgpu

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-engine/aim"
)

// Live numbers come in base units; what the driver does not tell is not told.
func TestLiveNumbersOfAGPU(t *testing.T) {
	root := t.TempDir()
	const pci = "0000:05:00.0"
	for file, text := range map[string]string{
		"gpu_busy_percent": "37\n", "mem_info_vram_used": "1048576\n",
		"hwmon/hwmon4/power1_average": "650000000\n", "hwmon/hwmon4/freq1_input": "2100000000\n",
		"hwmon/hwmon4/temp2_label": "junction\n", "hwmon/hwmon4/temp2_input": "61000\n",
	} {
		path := filepath.Join(root, busDir, pci, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	live := New(root).Live(t.Context(), []aim.GPU{{ID: "a", PCI: pci}, {ID: "a/1", PCI: pci}, {ID: "gone", PCI: "0000:06:00.0"}})
	a := live["a"]
	if a.Busy == nil || *a.Busy != 0.37 || *a.PowerW != 650 || *a.ClockMHz != 2100 || *a.JunctionC != 61 || *a.VRAMBytes != 1<<20 {
		t.Errorf("%+v", a)
	}
	if live["a/1"].PowerW == nil {
		t.Error("a partition has no sensors")
	}
	if g := live["gone"]; g.Busy != nil || g.PowerW != nil {
		t.Errorf("a GPU that is gone has %+v", g)
	}
}
