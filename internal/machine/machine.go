package machine

import (
	"os"
	"runtime"
	"strings"

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
// 14 TiB of disk. Stand-in weights are small whatever the model.
func Simulated() aim.Machine {
	return aim.Machine{CPUs: 192, HostBytes: 2 << 40, HostFree: 2 << 40, DiskFree: 14 << 40, BootID: BootID()}
}

// BootID changes with every start of the machine; "" = unknown.
func BootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
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
