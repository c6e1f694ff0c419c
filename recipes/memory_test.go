package recipes_test

import (
	"math"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/estimate"
	"github.com/aim-engine/aim/recipes/model"
)

func shapeOf(t *testing.T, id string) *model.Shape {
	t.Helper()
	m, err := load(t).Model(id)
	if err != nil || m.Shape == nil {
		t.Fatalf("%s has no shape (%v)", id, err)
	}
	return m.Shape
}

// The cache costs that are published or follow from the published shape.
func TestKVCacheCosts(t *testing.T) {
	for _, c := range []struct {
		model     string
		gpus      int
		valueSize float64
		perToken  float64 // bytes on each GPU
		length    int
		needed    float64 // bytes on each GPU
	}{
		{"meta-llama/Llama-3.3-70B-Instruct", 1, 2, 327680, 32768, 10 << 30},
		{"meta-llama/Llama-3.3-70B-Instruct", 8, 2, 40960, 32768, 10 << 30 / 8},
		{"meta-llama/Llama-3.3-70B-Instruct", 1, 1, 163840, 32768, 5 << 30},
		{"Qwen/Qwen3-235B-A22B", 4, 2, 48128, 16, 48128 * 16},            // 4 KV heads on 4 GPUs
		{"Qwen/Qwen3-235B-A22B", 8, 2, 48128, 16, 48128 * 16},            // repeated on 8
		{"deepseek-ai/DeepSeek-R1-0528", 8, 2, 70272, 1, 70272 * 16},     // one block of the default 16
		{"deepseek-ai/DeepSeek-R1-0528", 1, 2, 70272, 16, 70272 * 16},    // the latent is the same on every GPU
		{"openai/gpt-oss-120b", 1, 2, 36864, 100, 73728 * 112},           // shorter than the window: every layer keeps all
		{"google/gemma-2-27b-it", 1, 2, 188416, 8192, 188416 * 2 * 8192}, // window 4096 and steps of 8192 cover it
	} {
		e := estimate.Estimate(estimate.Demand{
			Shape: shapeOf(t, c.model), WeightBytes: 1e9, GPUs: c.gpus, TotalBytes: float64(mi300x), Utilization: 0.9,
			Length: c.length, StepTokens: 8192, Sequences: 256, KVValueBytes: c.valueSize,
		})
		if e.Terms["kv_per_token"] != c.perToken || e.Terms["kv_needed"] != c.needed {
			t.Errorf("%s on %d GPUs: %g bytes a token, %g for %d tokens; want %g and %g",
				c.model, c.gpus, e.Terms["kv_per_token"], e.Terms["kv_needed"], c.length, c.perToken, c.needed)
		}
	}
}

// A sliding layer keeps its window and one step, however long the context.
func TestLocalLayersKeepTheirWindow(t *testing.T) {
	gemma := shapeOf(t, "google/gemma-3-27b-it") // 10 full layers, 52 with a window of 1024
	needed := func(length int) float64 {
		return estimate.Estimate(estimate.Demand{
			Shape: gemma, WeightBytes: 1, GPUs: 1, TotalBytes: float64(mi300x), Utilization: 0.9,
			Length: length, StepTokens: 1024, Sequences: 1, KVValueBytes: 2,
		}).Terms["kv_needed"]
	}
	layer := 2.0 * 16 * 128 * 2
	if got, want := needed(65536)-needed(32768), 10*layer*32768; got != want {
		t.Errorf("32,768 more tokens cost %g bytes, want %g: only full layers grow", got, want)
	}
}

func TestVerdicts(t *testing.T) {
	llama := shapeOf(t, "meta-llama/Llama-3.3-70B-Instruct")
	base := estimate.Demand{
		Shape: llama, WeightBytes: 141104775168, GPUs: 1, TotalBytes: float64(mi300x), Utilization: 0.9,
		Length: 32768, StepTokens: 1024, Sequences: 512, KVValueBytes: 2,
	}
	with := func(change func(*estimate.Demand)) estimate.Demand {
		d := base
		change(&d)
		return d
	}
	for _, c := range []struct {
		name   string
		demand estimate.Demand
		want   aim.Verdict
		why    string
	}{
		{"as published", base, aim.VerdictFits, "32,768 tokens needs 10.0 GiB"},
		{"long context", with(func(d *estimate.Demand) { d.Length = 131072 }), aim.VerdictNo, "needs 40.0 GiB"},
		{"almost all of it", with(func(d *estimate.Demand) { d.Length = 120000 }), aim.VerdictNarrow, ""},
		{"as long as fits", with(func(d *estimate.Demand) { d.Length = 0 }), aim.VerdictFits, "at least 2,048 tokens"},
		{"weights alone too large", with(func(d *estimate.Demand) { d.WeightBytes *= 2 }), aim.VerdictNo, "more than the budget of 172.8 GiB"},
		{"two GPUs", with(func(d *estimate.Demand) { d.GPUs, d.WeightBytes = 2, d.WeightBytes*2 }), aim.VerdictFits, ""},
		{"no room for graphs", with(func(d *estimate.Demand) { d.Utilization = 0.99 }), aim.VerdictNarrow, "outside the budget"},
		{"no graphs", with(func(d *estimate.Demand) { d.Utilization, d.Eager = 0.99, true }), aim.VerdictFits, ""},
		{"fixed cache", with(func(d *estimate.Demand) { d.KVBytes = 20 << 30 }), aim.VerdictFits, "a KV cache of 20.0 GiB"},
		{"fixed cache too small", with(func(d *estimate.Demand) { d.KVBytes = 5 << 30 }), aim.VerdictNo, ""},
		{"fixed cache too large", with(func(d *estimate.Demand) { d.KVBytes = 80 << 30 }), aim.VerdictNo, ""},
		{"unknown weights", with(func(d *estimate.Demand) { d.WeightBytes = 0 }), "", "not known"},
		{"unknown GPU", with(func(d *estimate.Demand) { d.TotalBytes = 0 }), "", "not known"},
		{"the recipe's own figure", with(func(d *estimate.Demand) { d.WeightBytes, d.NeededBytes = 0, 150e9 }), aim.VerdictFits, "asks for"},
		{"the recipe's own figure, too large", with(func(d *estimate.Demand) { d.WeightBytes, d.NeededBytes = 0, 200e9 }), aim.VerdictNo, "asks for"},
		{"unknown shape", with(func(d *estimate.Demand) { d.Shape = nil }), aim.VerdictFits, ""},
	} {
		e := estimate.Estimate(c.demand)
		if e.Verdict != c.want || !strings.Contains(e.Why, c.why) {
			t.Errorf("%s: %q (%s), want %q with %q", c.name, e.Verdict, e.Why, c.want, c.why)
		}
	}
}

// The verdict must follow from the terms that are shown, and more of anything
// must never fit better.
func TestEstimateAddsUp(t *testing.T) {
	qwen := shapeOf(t, "Qwen/Qwen3-32B")
	last := math.Inf(1)
	for _, step := range []int{1024, 2048, 8192, 32768, 131072} {
		e := estimate.Estimate(estimate.Demand{
			Shape: qwen, WeightBytes: 65524246528, GPUs: 2, TotalBytes: float64(mi300x), Utilization: 0.9,
			Length: 32768, StepTokens: step, Sequences: 512, KVValueBytes: 2,
		})
		sum := e.Terms["weights"] + e.Terms["activations"] + e.Terms["overhead"] + e.Terms["free_for_kv"]
		if math.Abs(sum-e.Terms["budget"]) > 1 || e.Terms["budget"] != math.Ceil(float64(mi300x)*0.9) {
			t.Errorf("step %d: the terms add up to %g, the budget is %g", step, sum, e.Terms["budget"])
		}
		if e.Terms["free_for_kv"] > last {
			t.Errorf("step %d leaves more than a smaller one", step)
		}
		last = e.Terms["free_for_kv"]
		if want := math.Floor(e.Terms["free_for_kv"] / e.Terms["kv_per_token"]); e.Terms["kv_tokens"] != want {
			t.Errorf("step %d: %g tokens fit, want %g", step, e.Terms["kv_tokens"], want)
		}
	}
}

// What every rank repeats makes a rank larger than its share: the MLA
// projections of DeepSeek, the KV heads of Qwen3-235B on 8 GPUs.
func TestWeightsPerRank(t *testing.T) {
	for _, c := range []struct {
		model string
		gpus  int
		bytes float64
		extra float64 // of the even share, at least
	}{
		{"deepseek-ai/DeepSeek-R1-0528", 8, 672878755840, 1.01},
		{"Qwen/Qwen3-235B-A22B", 8, 470185672704, 1.001},
		{"Qwen/Qwen3-32B", 8, 65524246528, 1},
	} {
		got := estimate.Estimate(estimate.Demand{
			Shape: shapeOf(t, c.model), WeightBytes: c.bytes, GPUs: c.gpus, TotalBytes: float64(mi300x), Utilization: 0.9,
			Length: 4096, StepTokens: 1024, Sequences: 1, KVValueBytes: 2,
		}).Terms["weights"]
		even := c.bytes / float64(c.gpus)
		if got < even*c.extra-1 || got > even*1.1 {
			t.Errorf("%s on %d GPUs: %.4f of an even share, want at least %.3f", c.model, c.gpus, got/even, c.extra)
		}
	}
}
