package worker

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsReadFromTheKernel(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	text := "MemTotal:       2113538048 kB\nMemFree:        1 kB\n\nMemAvailable:   2000000000 kB\nHugePages_Total:       0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if total, free := memory(file); total != 2113538048<<10 || free != 2000000000<<10 {
		t.Errorf("%d of %d bytes are free", free, total)
	}
	if total, free := memory(file + ".missing"); total != 0 || free != 0 {
		t.Errorf("unknown is %d of %d bytes", free, total)
	}
}

func TestMachine(t *testing.T) {
	m := machine(t.TempDir())
	if m.CPUs < 1 || m.HostBytes == 0 || m.HostFree > m.HostBytes || m.DiskFree == 0 || m.BootID == "" {
		t.Errorf("%+v", m)
	}
	if unknown := machine(filepath.Join(t.TempDir(), "missing")); unknown.DiskFree != 0 {
		t.Errorf("a folder that is not there has %d bytes free", unknown.DiskFree)
	}
}
