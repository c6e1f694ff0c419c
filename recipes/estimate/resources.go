package estimate

import (
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/text"
)

// What a server needs of its node besides GPUs. The rules are ours, on the
// generous side of what servers were seen to use.
const (
	baseHostBytes = 8 << 30  // API server and engine core
	rankHostBytes = 4 << 30  // each GPU's worker; weights are mapped, not copied
	soloShm       = 2 << 30  // one GPU: multi-modal inputs between processes
	ringShm       = 16 << 30 // several GPUs: RCCL and worker queues; 16 to 32 GiB are in common use
	diskMargin    = 1.05     // tokenizer, index and partial downloads
)

// ResourceTerms tell how Resources computes each of them.
func ResourceTerms(gpus int) map[string]string {
	shm := "one GPU: inputs between processes"
	if gpus > 1 {
		shm = "several GPUs: RCCL and worker queues"
	}
	return map[string]string{
		"cpus":              fmt.Sprintf("2 for each of: API server, engine core, %d workers", gpus),
		"host_memory_bytes": fmt.Sprintf("%s for the server, %d × %s for its workers, and its shared memory", text.GiB(baseHostBytes), gpus, text.GiB(rankHostBytes)),
		"shm_bytes":         shm,
		"disk_bytes":        fmt.Sprintf("%g × the weights", diskMargin),
	}
}

// Resources computes them. CPUs: vLLM asks for two physical cores (API
// server, engine core) and one for each GPU's worker; a core is two CPUs.
func Resources(gpus int, weightBytes float64) aim.Resources {
	shm := uint64(soloShm)
	if gpus > 1 {
		shm = ringShm
	}
	return aim.Resources{
		CPUs:      2 * (2 + gpus),
		HostBytes: baseHostBytes + uint64(gpus)*rankHostBytes + shm, // shared memory counts as the server's own
		DiskBytes: uint64(weightBytes * diskMargin),
		ShmBytes:  shm,
	}
}
