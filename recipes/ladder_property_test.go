package recipes_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/aim-engine/aim"
)

// On any fleet and for any wish: the answer is a classed failure or a ladder
// that is complete, grants every wish, and is the same when asked again.
func TestLadderProperties(t *testing.T) {
	c := load(t)
	models := append(c.Models(), "no/such-model", "Qwen/Qwen3-32B-FP8", "deepseek-ai/DeepSeek-V3.1")
	rapid.Check(t, func(t *rapid.T) {
		spec := aim.DeploymentSpec{
			Model:       rapid.SampledFrom(models).Draw(t, "model"),
			GPUs:        rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4, 8, 16}).Draw(t, "gpus"),
			GPUType:     rapid.SampledFrom([]string{"", "", "", "MI300X", "MI325X", "MI355X"}).Draw(t, "type"),
			Precision:   rapid.SampledFrom([]string{"", "", "", "bf16", "fp16", "fp8", "mxfp4"}).Draw(t, "precision"),
			Metric:      rapid.SampledFrom([]string{"", "latency", "throughput"}).Draw(t, "metric"),
			MaxModelLen: rapid.SampledFrom([]int{0, 0, 0, 2048, 32768, 131072}).Draw(t, "length"),
			Args:        rapid.SampledFrom([][]string{nil, nil, {"--max-num-seqs", "32"}, {"--kv-cache-dtype", "fp8"}}).Draw(t, "args"),
		}
		var groups []group
		for range rapid.IntRange(0, 3).Draw(t, "nodes") {
			groups = append(groups, rapid.SampledFrom([]group{
				{8, "MI300X", mi300x}, {4, "MI300X", mi300x}, {1, "MI300X", mi300x}, {64, "MI300X", mi300x / 8}, {8, "MI325X", mi325x}, {8, "MI355X", mi355x}, {2, "MI210", 64 << 30},
			}).Draw(t, "node"))
		}
		f := fleet(groups...)
		l, err := c.Ladder(spec, f)
		if err != nil {
			if fail := aim.FailureOf(err); fail.Class != aim.ClassInput && fail.Class != aim.ClassNoRecipe {
				t.Errorf("%+v: class %s: %v", spec, fail.Class, err)
			}
			return
		}
		checkLadder(t, spec, l)
		for _, r := range l.Rungs {
			wish := spec.GPUs == 0 || r.GPUs == spec.GPUs
			wish = wish && (spec.GPUType == "" || r.GPUType == spec.GPUType)
			wish = wish && (spec.Precision == "" || r.Precision == spec.Precision)
			if !wish {
				t.Errorf("%+v: rung %d is %d %s in %s", spec, r.Number, r.GPUs, r.GPUType, r.Precision)
			}
			waits := spec.GPUType != "" && !slices.ContainsFunc(groups, func(g group) bool { return g.gpuType == spec.GPUType })
			if len(groups) > 0 && !waits && !exists(groups, r) {
				t.Errorf("%+v: rung %d needs %d %s, which no node of %v has", spec, r.Number, r.GPUs, r.GPUType, groups)
			}
		}
		again, err := c.Ladder(spec, f)
		a, errA := json.Marshal(l)
		b, errB := json.Marshal(again)
		if err != nil || errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%+v: asked again the ladder is another", spec)
		}
	})
}

func exists(groups []group, r aim.Rung) bool {
	for _, g := range groups {
		if g.gpuType == r.GPUType && g.count >= r.GPUs && float64(g.vram) >= r.Memory.Terms["total"] {
			return true
		}
	}
	return false
}
