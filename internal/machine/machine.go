package machine

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/uuid"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim"
)

// Read reads what the machine has besides GPUs; weights is the folder whose disk
// they go to. What cannot be read stays 0: unknown, and no reason not to start.
func Read(weights string) aim.Machine {
	m := aim.Machine{CPUs: runtime.NumCPU(), BootID: BootID()}
	m.HostBytes, m.HostFree = memory(procfs.DefaultMountPoint)
	var fs unix.Statfs_t
	if unix.Statfs(weights, &fs) == nil {
		m.DiskFree = fs.Bavail * uint64(fs.Bsize)
	}
	return m
}

// Simulated is what a simulated node says it has besides GPUs: as much as the
// machines whose GPUs it stands in for: two sockets of 96 cores, 2 TiB of memory,
// 14 TiB of disk. Stand-in weights are small whatever the model. root is its tree.
func Simulated(root string) aim.Machine {
	return aim.Machine{CPUs: 192, HostBytes: 2 << 40, HostFree: 2 << 40, DiskFree: 14 << 40, BootID: SimulatedBootID(root)}
}

// bootFile holds 36 characters that are drawn at every start of a machine (random(4)).
const bootFile = "proc/sys/kernel/random/boot_id"

// BootID changes with every start of the machine; "" = unknown.
func BootID() string { return bootID("/") }

// SimulatedBootID is that of a simulated node: its tree's own where it has been
// rebooted, else this machine's.
func SimulatedBootID(root string) string {
	if id := bootID(root); id != "" {
		return id
	}
	return BootID()
}

// Reboot gives a simulated node another boot id.
func Reboot(root string) error {
	file := filepath.Join(root, bootFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(uuid.NewString()+"\n"), 0o644)
}

func bootID(root string) string {
	data, err := os.ReadFile(filepath.Join(root, bootFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// memory is all of it and what programs could still get without swapping.
func memory(proc string) (total, available uint64) {
	fs, err := procfs.NewFS(proc)
	if err != nil {
		return 0, 0
	}
	m, err := fs.Meminfo()
	if err != nil || m.MemTotalBytes == nil || m.MemAvailableBytes == nil {
		return 0, 0
	}
	return *m.MemTotalBytes, *m.MemAvailableBytes
}
