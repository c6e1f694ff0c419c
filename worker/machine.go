package worker

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim/activities/node"
)

// machine reads what the node has besides GPUs. What cannot be read stays 0:
// unknown, and no reason not to start.
func machine(weights string) node.Machine {
	m := node.Machine{CPUs: runtime.NumCPU(), BootID: bootID()}
	m.HostBytes, m.HostFree = memory("/proc/meminfo")
	var fs unix.Statfs_t
	if unix.Statfs(weights, &fs) == nil {
		m.DiskFree = fs.Bavail * uint64(fs.Bsize)
	}
	return m
}

// simulatedMachine is what a simulated node says it has besides GPUs: as much
// as the machines whose GPUs it stands in for: two sockets of 96 cores, 2 TiB
// of memory, 14 TiB of disk. Stand-in weights are small whatever the model.
func simulatedMachine() node.Machine {
	return node.Machine{CPUs: 192, HostBytes: 2 << 40, HostFree: 2 << 40, DiskFree: 14 << 40, BootID: bootID()}
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// memory reads MemTotal and MemAvailable, which the kernel gives in KiB.
func memory(path string) (total, free uint64) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseUint(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			free = kib << 10
		}
	}
	return total, free
}
