package ladder

import (
	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/estimate"
	"github.com/aim-engine/aim/recipes/recipe"
)

// resources are those that the recipe states, the others computed.
func (c *candidate) resources(weightBytes float64) aim.Resources {
	r, own := estimate.Resources(c.gpus, weightBytes), c.recipe.Resources
	if own.CPUs > 0 {
		r.CPUs = own.CPUs
	}
	for _, f := range []struct {
		stated recipe.Size
		into   *uint64
	}{{own.HostMemory, &r.HostBytes}, {own.Disk, &r.DiskBytes}, {own.Shm, &r.ShmBytes}} {
		if f.stated > 0 {
			*f.into = uint64(f.stated)
		}
	}
	return r
}
