package recipes

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

// resources are those that the recipe states, the others computed.
func (c *candidate) resources(weightBytes float64) aim.Resources {
	r, own := resourcesFor(c.gpus, weightBytes), c.recipe.Resources
	if own.CPUs > 0 {
		r.CPUs = own.CPUs
	}
	for _, f := range []struct {
		stated Size
		into   *uint64
	}{{own.HostMemory, &r.HostBytes}, {own.Disk, &r.DiskBytes}, {own.Shm, &r.ShmBytes}} {
		if f.stated > 0 {
			*f.into = uint64(f.stated)
		}
	}
	return r
}

// resourcesFor computes them. CPUs: vLLM asks for two physical cores (API
// server, engine core) and one for each GPU's worker; a core is two CPUs.
func resourcesFor(gpus int, weightBytes float64) aim.Resources {
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
