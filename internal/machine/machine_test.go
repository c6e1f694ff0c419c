package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsReadFromTheKernel(t *testing.T) {
	proc := t.TempDir()
	file := filepath.Join(proc, "meminfo")
	text := "MemTotal:       2113538048 kB\nMemFree:        1 kB\nMemAvailable:   2000000000 kB\nHugePages_Total:       0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if total, free := memory(proc); total != 2113538048<<10 || free != 2000000000<<10 {
		t.Errorf("%d of %d bytes are free", free, total)
	}
	if total, free := memory(proc + ".missing"); total != 0 || free != 0 {
		t.Errorf("unknown is %d of %d bytes", free, total)
	}
}

func TestMachine(t *testing.T) {
	m := Read(t.TempDir())
	if m.CPUs < 1 || m.HostBytes == 0 || m.HostFree > m.HostBytes || m.DiskFree == 0 || m.BootID == "" {
		t.Errorf("%+v", m)
	}
	if unknown := Read(filepath.Join(t.TempDir(), "missing")); unknown.DiskFree != 0 {
		t.Errorf("a folder that is not there has %d bytes free", unknown.DiskFree)
	}
}
