package recipes_test

import (
	"math"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/estimate"
	"github.com/aim-engine/aim/recipes/model"
)

// published are configurations that somebody has run, or has seen fail, with
// the source. A run that succeeded may be judged narrow; one that failed must
// not be judged to fit.
var published = []struct {
	name   string // what was run; source
	model  string // of the catalogue, or a file of testdata/config
	gpu    string
	gpus   int
	args   string
	starts bool
}{
	// amd-enterprise-ai/aim-build @2be2cf8, profiles for MI300X.
	{"Llama-3.3-70B fp16 on one", llama70, "MI300X", 1, "--max-model-len 32768 --max-num-batched-tokens 1024 --max-num-seqs 512", true},
	{"Llama-3.1-405B fp16 on eight", "meta-llama/Llama-3.1-405B-Instruct", "MI300X", 8, "--max-model-len 32768 --max-num-batched-tokens 1024 --max-num-seqs 512", true},
	{"Mixtral-8x7B on one", "mistralai/Mixtral-8x7B-Instruct-v0.1", "MI300X", 1, "--max-model-len 32768 --max-num-batched-tokens 1024 --max-num-seqs 512", true},
	{"DeepSeek-R1 on eight", r1, "MI300X", 8, "--max-model-len 32768 --gpu-memory-utilization 0.95", true},
	{"gpt-oss-120b on one", gptOSS, "MI300X", 1, "--max-model-len 32768 --gpu-memory-utilization 0.95", true},
	// vllm-project/recipes, Qwen3-235B-A22B-Instruct-2507.yaml, guide: BF16 on four MI300X.
	{"Qwen3-235B bf16 on four", "Qwen/Qwen3-235B-A22B", "MI300X", 4, "--max-model-len 32768 --max-num-batched-tokens 32768 --gpu-memory-utilization 0.8", true},
	// vllm-project/recipes pull request 273: MiniMax-M2.5 in FP8 on two MI300X.
	{"MiniMax-M2.5 on two", "minimax-m2", "MI300X", 2, "--gpu-memory-utilization 0.9", true},
	// ROCm/MAD scripts/vllm default.csv.
	{"Llama-2-70B on eight", "meta-llama/Llama-2-70b-chat-hf", "MI300X", 8, "--max-model-len 4096 --max-num-batched-tokens 131072 --max-num-seqs 1024", true},
	{"phi-4 on one", "microsoft/phi-4", "MI300X", 1, "--max-model-len 8192 --max-num-batched-tokens 16384", true},
	{"Llama-4-Maverick fp16 on eight", "meta-llama/Llama-4-Maverick-17B-128E-Instruct", "MI300X", 8, "--max-model-len 8192", true},
	// Weights alone are more than the memory: facts of arithmetic that every guide repeats.
	{"Llama-3.1-405B bf16 on four", "meta-llama/Llama-3.1-405B-Instruct", "MI300X", 4, "--max-model-len 4096", false},
	{"Qwen3-235B bf16 on two", "Qwen/Qwen3-235B-A22B", "MI300X", 2, "--max-model-len 4096", false},
	{"Kimi-K2 fp8 on four", "moonshotai/Kimi-K2-Instruct", "MI300X", 4, "--max-model-len 4096", false},
	{"Qwen3-Coder-480B bf16 on four", "Qwen/Qwen3-Coder-480B-A35B-Instruct", "MI300X", 4, "--max-model-len 4096", false},
	{"DeepSeek-R1 fp8 on two", r1, "MI300X", 2, "--max-model-len 4096", false},
	{"Llama-3.3-70B bf16 on one, whole context", llama70, "MI300X", 1, "--max-model-len 131072", false},
	{"MiniMax-M2 fp8 on one", "minimax-m2", "MI300X", 1, "--max-model-len 4096", false},
	{"Qwen3-Next-80B bf16 on one, little budget", "qwen3-next-80b", "MI300X", 1, "--max-model-len 262144 --gpu-memory-utilization 0.75", false},
}

// At least nine of ten published cases are judged right, and none that failed is
// said to fit.
func TestPublishedVerdicts(t *testing.T) {
	c, right := load(t), 0
	for _, p := range published {
		q := recipes.Question{Spec: aim.DeploymentSpec{Model: p.model, GPUType: p.gpu, GPUs: p.gpus, Args: strings.Fields(p.args)}}
		if !strings.Contains(p.model, "/") {
			d := described(t, p.model)
			q.Spec.Model, q.Model = d.Model, &d
		} else if strings.Contains(p.name, "16") {
			q.Spec.Precision = "bf16"
		}
		r, err := c.Appraise(q)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		fits := r.Memory.Verdict == aim.VerdictFits || r.Memory.Verdict == aim.VerdictNarrow
		if fits == p.starts {
			right++
			continue
		}
		t.Logf("%s: %s: %s", p.name, r.Memory.Verdict, r.Memory.Why)
		if r.Memory.Verdict == aim.VerdictFits {
			t.Errorf("%s failed where it was tried, and is said to fit", p.name)
		}
	}
	if right*10 < len(published)*9 {
		t.Errorf("%d of %d verdicts are right, want nine of ten", right, len(published))
	}
}

// Token counts that servers have printed, from the memory that they printed
// beside them.
func TestPublishedTokenCounts(t *testing.T) {
	for _, p := range []struct {
		name, config string
		gpus, length int
		gib, tokens  float64
	}{
		// vLLM issue 21348: "Available KV cache memory: 8.11 GiB", "GPU KV cache size: 178,880 tokens".
		{"Qwen3-235B-A22B-FP8 on four", "Qwen/Qwen3-235B-A22B", 4, 40960, 8.11, 178880},
		// vLLM issue 34076: "24.0 GiB KV cache is needed" for 262,144 tokens, and 3.18 GiB hold 34,736.
		{"Qwen3-30B-A3B (the shape of Qwen3-Coder-30B-A3B)", "Qwen/Qwen3-30B-A3B", 1, 262144, 24, 262144},
		{"Qwen3-30B-A3B, as long as fits", "Qwen/Qwen3-30B-A3B", 1, 34736, 3.18, 34736},
	} {
		e := estimate.Estimate(estimate.Demand{
			Shape: shapeOf(t, p.config), WeightBytes: 1e9, GPUs: p.gpus, TotalBytes: float64(mi300x), Utilization: 0.9,
			Length: p.length, StepTokens: 8192, Sequences: 256, KVValueBytes: 2, KVBytes: p.gib * (1 << 30),
		})
		if got := e.Terms["kv_tokens"]; math.Abs(got-p.tokens) > 0.03*p.tokens {
			t.Errorf("%s: %.0f tokens, the server said %.0f", p.name, got, p.tokens)
		}
	}
}

// A whole estimate against a whole measurement: vllm-project/recipes pull request
// 273, MiniMax-M2.5 in FP8 on two MI300X with vLLM 0.17.1, 497,600 tokens.
func TestMeasuredMiniMax(t *testing.T) {
	d := described(t, "minimax-m2")
	r, err := load(t).Appraise(recipes.Question{Model: &d, Spec: aim.DeploymentSpec{Model: d.Model, GPUType: "MI300X", GPUs: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Memory.Terms["kv_tokens"]; math.Abs(got-497600) > 0.03*497600 {
		t.Errorf("%.0f tokens, the server said 497,600", got)
	}
}

// Layers of linear attention keep one block a request; a block is as long as
// their state is large. vLLM takes blocks of 544 tokens for Qwen3-Next, and the
// twelve full layers alone grow with the context.
func TestLinearLayers(t *testing.T) {
	m, err := model.FromConfig(described(t, "qwen3-next-80b"))
	if err != nil {
		t.Fatal(err)
	}
	needed := func(length int) float64 {
		return estimate.Estimate(estimate.Demand{
			Shape: m.Shape, WeightBytes: 1e9, GPUs: 1, TotalBytes: float64(mi300x), Utilization: 0.9,
			Length: length, StepTokens: 8192, Sequences: 1, KVValueBytes: 2,
		}).Terms["kv_needed"]
	}
	const layer = 2 * 2 * 256 * 2 // bytes of one token in one full layer
	if got, want := needed(1), 48.0*544*layer; got != want {
		t.Errorf("one token needs %.0f bytes, want a block in each of 48 layers: %.0f", got, want)
	}
	if got, want := needed(544*100)-needed(544*50), 12.0*544*50*layer; got != want {
		t.Errorf("50 more blocks cost %.0f bytes, want %.0f", got, want)
	}
}

// A pipeline stage holds its part of the layers and one of the two tables;
// whole experts on GPUs cost as much as slices where they divide evenly, and
// more where they do not.
func TestPipelineAndExperts(t *testing.T) {
	weights := func(change func(*estimate.Demand)) float64 {
		d := estimate.Demand{Shape: shapeOf(t, "Qwen/Qwen3-235B-A22B"), WeightBytes: 470185672704, GPUs: 8,
			TotalBytes: float64(mi300x), Utilization: 0.9, Length: 4096, StepTokens: 8192, Sequences: 256, KVValueBytes: 2}
		change(&d)
		return estimate.Estimate(d).Terms["weights"]
	}
	whole := weights(func(*estimate.Demand) {})
	if got := weights(func(d *estimate.Demand) { d.Stages = 2 }); got < 0.49*whole || got > 0.51*whole {
		t.Errorf("a stage of two holds %.3f of it", got/whole)
	}
	if got := weights(func(d *estimate.Demand) { d.ExpertParallel = true }); math.Abs(got-whole) > 1 {
		t.Errorf("128 experts on 8 GPUs take %.4f of what slices take", got/whole)
	}
	five := weights(func(d *estimate.Demand) { d.GPUs = 5 })
	if got := weights(func(d *estimate.Demand) { d.GPUs, d.ExpertParallel = 5, true }); got <= five {
		t.Errorf("26 of 128 experts on the fullest of 5 GPUs take %.4f of what slices take", got/five)
	}
}

// A question asks about GPUs that nobody needs to have, and gets every term even
// where the answer is no.
func TestAppraise(t *testing.T) {
	c := load(t)
	r, err := c.Appraise(recipes.Question{Spec: aim.DeploymentSpec{Model: r1, GPUs: 2, GPUType: "MI300X"}})
	if err != nil || r.Memory.Verdict != aim.VerdictNo || r.Memory.Terms["weights"] < 300e9 || r.GPUs != 2 {
		t.Errorf("R1 on two GPUs: %+v, %v", r.Memory, err)
	}
	r, err = c.Appraise(recipes.Question{Spec: aim.DeploymentSpec{Model: r1, GPUs: 16}, Stages: 2})
	if err != nil || r.GPUs != 8 || r.Nodes != 2 || r.Memory.Terms["weights"] > 45e9 {
		t.Errorf("R1 on two nodes: %d GPUs on %d, %+v, %v", r.GPUs, r.Nodes, r.Memory, err)
	}
	r, err = c.Appraise(recipes.Question{Spec: aim.DeploymentSpec{Model: "google/gemma-3-27b-it", Precision: "fp8"}})
	if err != nil || r.Precision != "fp8" || !strings.Contains(r.Memory.Basis, "as if it were published in fp8") {
		t.Errorf("Gemma in FP8: %+v, %v", r, err)
	}
	_, err = c.Appraise(recipes.Question{Spec: aim.DeploymentSpec{Model: r1, GPUs: 3}, Stages: 2})
	if f := aim.FailureOf(err); err == nil || f.Class != aim.ClassInput || !strings.Contains(f.Why, "3 GPUs cannot be divided into 2") {
		t.Errorf("three GPUs in two stages: %v", err)
	}
}
