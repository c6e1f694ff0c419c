package estimate

import "github.com/aim-engine/aim"

// What a server needs of its node besides GPUs. The rules are ours, on the
// generous side of what servers were seen to use.
const (
	baseHostBytes = 8 << 30  // API server and engine core
	rankHostBytes = 4 << 30  // each GPU's worker; weights are mapped, not copied
	soloShm       = 2 << 30  // one GPU: multi-modal inputs between processes
	ringShm       = 16 << 30 // several GPUs: RCCL and worker queues; 16 to 32 GiB are in common use
	diskMargin    = 1.05     // tokenizer, index and partial downloads
)

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
