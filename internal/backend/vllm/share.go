package vllm

import (
	"math"
	"slices"
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// graphBytes is what captured graphs take beside vLLM's budget on ROCm, where
// the server does not count them: 2 to 4 GiB were seen.
const graphBytes = 3 << 30

// budgetOptions decide how much memory a server takes. In a share they are ours.
var budgetOptions = []string{"gpu-memory-utilization", "kv-cache-memory-bytes"}

// Share sets the server's budget to a share of a GPU. vLLM takes at most
// ceil(total × utilization) for weights, activations, context and KV cache
// together, where total is all memory of the device; captured graphs come on top.
// The budget is rounded down to a millionth of the GPU, 200 KB of an MI300X. The
// KV cache is not given in bytes: then nothing would bound the rest.
func (Backend) Share(rung aim.Rung, share, total uint64) (aim.Rung, error) {
	table, err := options.For("vllm", rung.Version)
	if err != nil {
		return rung, aim.Failf(aim.ClassOption, "rung %d: %v", rung.Number, err)
	}
	if rung.GPUs > 1 {
		return rung, aim.Failf(aim.ClassInput, "rung %d: a share is of one GPU, not of %d", rung.Number, rung.GPUs)
	}
	budget := share
	if !table.Has(rung.Options, "enforce-eager") {
		budget -= min(budget, graphBytes)
	}
	const steps = 1e6
	utilization := math.Floor(float64(budget)/float64(total)*steps) / steps
	if utilization <= 0 || share > total {
		return rung, aim.Failf(aim.ClassInput, "rung %d: a server cannot run in %s of a GPU of %s", rung.Number, aim.Bytes(share), aim.Bytes(total))
	}
	rung.Options = append(table.Without(slices.Clone(rung.Options), budgetOptions...),
		aim.Option{Name: "gpu-memory-utilization", Value: strconv.FormatFloat(utilization, 'f', -1, 64)})
	return rung, nil
}
