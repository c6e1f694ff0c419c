package ladder

import (
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/text"
)

// shareOptions decide how much memory a server takes; of a share, the node sets
// them, when it knows the GPU.
var shareOptions = []string{"gpu-memory-utilization", "kv-cache-memory-bytes"}

// shared returns the spec as the selection reads it: a share is of one GPU.
func shared(spec aim.DeploymentSpec) aim.DeploymentSpec {
	if spec.GPUMemory > 0 {
		spec.GPUs = 1
	}
	return spec
}

// setShare keeps what a share decides out of the options, and out of the reach
// of fallbacks. The user may not set it beside the share.
func (c *candidate) setShare(user []aim.Option) (why string) {
	if c.spec.GPUMemory == 0 {
		return ""
	}
	for _, name := range shareOptions {
		if c.table.Has(user, name) {
			return fmt.Sprintf("--%s is given beside gpu_memory %s, which decides it; give one of them", name, c.spec.GPUMemory)
		}
	}
	c.opts = c.table.Without(c.opts, shareOptions...)
	c.fixed = append(c.fixed, shareOptions...)
	c.adapted = append(c.adapted, fmt.Sprintf("in %s of one GPU", c.spec.GPUMemory))
	return ""
}

// shareTooLarge tells why no GPU of the candidate's type has room for the share,
// "" if one has, or if it is not known.
func (c *candidate) shareTooLarge(h hardware) string {
	var most uint64
	for _, o := range h.of(c.gpuType) {
		if o.vram == 0 {
			return ""
		}
		most = max(most, aim.GPU{VRAMBytes: &o.vram}.ShareBudget())
	}
	if most == 0 || uint64(c.spec.GPUMemory) <= most {
		return ""
	}
	return fmt.Sprintf("a share of %s is more than the %s that all shares of a %s may hold", c.spec.GPUMemory, text.GiB(float64(most)), c.gpuType)
}
