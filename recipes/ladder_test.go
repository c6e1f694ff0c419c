package recipes_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

const (
	qwen    = "Qwen/Qwen3-32B"
	llama8  = "meta-llama/Llama-3.1-8B-Instruct"
	llama70 = "meta-llama/Llama-3.3-70B-Instruct"
	r1      = "deepseek-ai/DeepSeek-R1-0528"
	gptOSS  = "openai/gpt-oss-120b"
)

func TestLadderTop(t *testing.T) {
	box := fleet(group{8, "MI300X", mi300x})
	for name, c := range map[string]struct {
		spec  aim.DeploymentSpec
		fleet aim.Fleet
		want  string // recipe, GPUs, type, precision, model of rung 1
	}{
		"nothing reported yet":       {aim.DeploymentSpec{Model: qwen}, aim.Fleet{}, "qwen3-32b-1xmi300x-fp16 1 MI300X fp16 Qwen/Qwen3-32B"},
		"one box":                    {aim.DeploymentSpec{Model: qwen}, box, "qwen3-32b-1xmi300x-fp16 1 MI300X fp16 Qwen/Qwen3-32B"},
		"two GPUs":                   {aim.DeploymentSpec{Model: qwen, GPUs: 2}, box, "qwen3-32b-2xmi300x-fp16 2 MI300X fp16 Qwen/Qwen3-32B"},
		"a count without recipe":     {aim.DeploymentSpec{Model: qwen, GPUs: 4}, box, "qwen3-32b-2xmi300x-fp16 4 MI300X fp16 Qwen/Qwen3-32B"},
		"fp8":                        {aim.DeploymentSpec{Model: qwen, Precision: "fp8"}, box, "qwen3-32b-1xmi300x-fp8 1 MI300X fp8 Qwen/Qwen3-32B-FP8"},
		"bf16 of an fp16 recipe":     {aim.DeploymentSpec{Model: qwen, Precision: "bf16"}, box, "qwen3-32b-1xmi300x-fp16 1 MI300X bf16 Qwen/Qwen3-32B"},
		"by id":                      {aim.DeploymentSpec{Model: qwen, Recipe: "qwen3-32b-8xmi300x-fp16"}, box, "qwen3-32b-8xmi300x-fp16 8 MI300X fp16 Qwen/Qwen3-32B"},
		"a checkpoint by its name":   {aim.DeploymentSpec{Model: "Qwen/Qwen3-32B-FP8"}, box, "qwen3-32b-1xmi300x-fp8 1 MI300X fp8 Qwen/Qwen3-32B-FP8"},
		"latency":                    {aim.DeploymentSpec{Model: "meta-llama/Llama-3.2-1B-Instruct", Metric: "latency"}, box, "llama-3.2-1b-instruct-1xmi300x-fp16-latency 1 MI300X fp16 meta-llama/Llama-3.2-1B-Instruct"},
		"8B":                         {aim.DeploymentSpec{Model: llama8}, box, "llama-3.1-8b-instruct-1xmi300x-fp16 1 MI300X fp16 " + llama8},
		"70B, best evidence":         {aim.DeploymentSpec{Model: llama70}, box, "llama-3.3-70b-instruct-1xmi300x-fp8 1 MI300X fp8 amd/Llama-3.3-70B-Instruct-FP8-KV"},
		"a model of the same shape":  {aim.DeploymentSpec{Model: "deepseek-ai/DeepSeek-R1"}, box, "deepseek-r1-0528-8xmi300x-fp8 8 MI300X fp8 deepseek-ai/DeepSeek-R1"},
		"fp4 is the old word":        {aim.DeploymentSpec{Model: gptOSS, Precision: "fp4"}, box, "gpt-oss-120b-1xmi300x-mxfp4 1 MI300X mxfp4 " + gptOSS},
		"larger GPUs of the kind":    {aim.DeploymentSpec{Model: qwen}, fleet(group{8, "MI325X", mi325x}), "qwen3-32b-1xmi300x-fp16 1 MI325X fp16 Qwen/Qwen3-32B"},
		"asked for them by type":     {aim.DeploymentSpec{Model: qwen, GPUType: "MI325X"}, fleet(group{8, "MI325X", mi325x}, group{8, "MI300X", mi300x}), "qwen3-32b-1xmi300x-fp16 1 MI325X fp16 Qwen/Qwen3-32B"},
		"the recipe's GPUs first":    {aim.DeploymentSpec{Model: qwen}, fleet(group{8, "MI325X", mi325x}, group{8, "MI300X", mi300x}), "qwen3-32b-1xmi300x-fp16 1 MI300X fp16 Qwen/Qwen3-32B"},
		"too small for 16 bit":       {aim.DeploymentSpec{Model: "meta-llama/Llama-3.1-405B-Instruct"}, fleet(group{4, "MI300X", mi300x}), "llama-3.1-405b-instruct-4xmi300x-fp8 4 MI300X fp8 amd/Llama-3.1-405B-Instruct-FP8-KV"},
		"partitions are too small":   {aim.DeploymentSpec{Model: qwen}, fleet(group{64, "MI300X", mi300x / 8}, group{1, "MI300X", mi300x}), "qwen3-32b-1xmi300x-fp16 1 MI300X fp16 Qwen/Qwen3-32B"},
		"a small model on partition": {aim.DeploymentSpec{Model: "meta-llama/Llama-3.2-1B-Instruct"}, fleet(group{64, "MI300X", mi300x / 8}), "llama-3.2-1b-instruct-1xmi300x-fp16-throughput 1 MI300X fp16 meta-llama/Llama-3.2-1B-Instruct"},
		"known without a recipe":     {aim.DeploymentSpec{Model: "Qwen/Qwen3-0.6B"}, box, "qwen3-0-6b-1xmi300x-bf16-derived 1 MI300X bf16 Qwen/Qwen3-0.6B"},
		"another architecture":       {aim.DeploymentSpec{Model: qwen}, fleet(group{8, "MI355X", mi355x}), "qwen3-32b-1xmi355x-bf16-derived 1 MI355X bf16 Qwen/Qwen3-32B"},
		"smaller GPUs of no recipe":  {aim.DeploymentSpec{Model: qwen}, fleet(group{8, "MI210", 64 << 30}), "qwen3-32b-2xmi210-bf16-derived 2 MI210 bf16 Qwen/Qwen3-32B"},
	} {
		l, err := load(t).Ladder(c.spec, c.fleet)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := l.Rungs[0]
		if got := strings.Join([]string{r.Recipe, itoa(r.GPUs), r.GPUType, r.Precision, r.Model}, " "); got != c.want {
			t.Errorf("%s: rung 1 is %s, want %s", name, got, c.want)
		}
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

func TestLadderRefuses(t *testing.T) {
	box := fleet(group{8, "MI300X", mi300x})
	for name, c := range map[string]struct {
		spec  aim.DeploymentSpec
		fleet aim.Fleet
		class aim.FailureClass
		want  []string
	}{
		"no model":                {aim.DeploymentSpec{}, box, aim.ClassInput, []string{`"model" is missing`}},
		"a typing error":          {aim.DeploymentSpec{Model: "Qwen/Qwen3-23B"}, box, aim.ClassNoRecipe, []string{"did you mean", "Qwen/Qwen3-32B"}},
		"another owner":           {aim.DeploymentSpec{Model: "unsloth/Qwen3-32B"}, box, aim.ClassNoRecipe, []string{"Qwen/Qwen3-32B"}},
		"a folder":                {aim.DeploymentSpec{Model: "/data/qwen"}, box, aim.ClassNoRecipe, []string{"folder on the nodes"}},
		"three GPUs":              {aim.DeploymentSpec{Model: qwen, GPUs: 3}, box, aim.ClassNoRecipe, []string{"64 attention heads cannot be divided by 3 GPUs", "1, 2, 4, 8 GPUs"}},
		"phi-4 on four":           {aim.DeploymentSpec{Model: "microsoft/phi-4", GPUs: 4}, box, aim.ClassNoRecipe, []string{"10 KV heads", "1, 2, 5 GPUs"}},
		"sixteen GPUs":            {aim.DeploymentSpec{Model: qwen, GPUs: 16}, box, aim.ClassNoRecipe, []string{"needs 16 MI300X on one node; the largest node has 8"}},
		"two nodes":               {aim.DeploymentSpec{Model: qwen, Nodes: 2}, box, aim.ClassNoRecipe, []string{"runs on one node, not on 2"}},
		"no such precision":       {aim.DeploymentSpec{Model: qwen, Precision: "int4"}, box, aim.ClassNoRecipe, []string{"it is fp16, not int4", "1 MI300X in fp16", "1 MI300X in fp8"}},
		"too few GPUs":            {aim.DeploymentSpec{Model: r1}, fleet(group{4, "MI300X", mi300x}), aim.ClassNoRecipe, []string{"it needs 8 MI300X on one node; the largest node has 4"}},
		"two halves of a machine": {aim.DeploymentSpec{Model: r1}, fleet(group{4, "MI300X", mi300x}, group{4, "MI300X", mi300x}), aim.ClassNoRecipe, []string{"the largest node has 4"}},
		"too large":               {aim.DeploymentSpec{Model: r1, GPUs: 2}, box, aim.ClassNoRecipe, []string{"does not fit on 2 GPUs", "are more than the budget"}},
		"a recipe of another":     {aim.DeploymentSpec{Model: qwen, Recipe: "deepseek-r1-0528-8xmi300x-fp8"}, box, aim.ClassInput, []string{"runs deepseek-ai/DeepSeek-R1-0528, not Qwen/Qwen3-32B"}},
		"no such recipe":          {aim.DeploymentSpec{Model: qwen, Recipe: "qwen3-32b"}, box, aim.ClassNoRecipe, []string{`no recipe "qwen3-32b"`}},
		"too long a context":      {aim.DeploymentSpec{Model: qwen, MaxModelLen: 200000}, box, aim.ClassInput, []string{"200,000 tokens is longer than the 40,960 tokens of Qwen/Qwen3-32B"}},
		"unknown option":          {aim.DeploymentSpec{Model: qwen, Args: []string{"--max-modle-len", "5"}}, box, aim.ClassInput, []string{"did you mean --max-model-len"}},
		"a value for a flag":      {aim.DeploymentSpec{Model: qwen, Args: []string{"--enforce-eager", "true"}}, box, aim.ClassInput, []string{"takes no value"}},
		"our own option":          {aim.DeploymentSpec{Model: qwen, Args: []string{"--port", "80"}}, box, aim.ClassInput, []string{"--port: AIM Engine sets it itself"}},
		"length twice":            {aim.DeploymentSpec{Model: qwen, MaxModelLen: 100, Args: []string{"--max-model-len", "200"}}, box, aim.ClassInput, []string{"give one of them"}},
		"a token in the open":     {aim.DeploymentSpec{Model: qwen, Env: map[string]string{"HF_TOKEN": "x"}}, box, aim.ClassInput, []string{"as a secret"}},
		"dead environment":        {aim.DeploymentSpec{Model: qwen, Env: map[string]string{"VLLM_USE_V1": "1"}}, box, aim.ClassInput, []string{"no longer reads it"}},
		"revision of another":     {aim.DeploymentSpec{Model: qwen, Revision: "abc", Precision: "fp8"}, box, aim.ClassNoRecipe, []string{"revision abc is of Qwen/Qwen3-32B, and it serves Qwen/Qwen3-32B-FP8"}},
	} {
		l, err := load(t).Ladder(c.spec, c.fleet)
		if err == nil {
			t.Errorf("%s: rung 1 is %s, want a failure", name, l.Rungs[0].Recipe)
			continue
		}
		f := aim.FailureOf(err)
		if f.Class != c.class {
			t.Errorf("%s: class %s (%v), want %s", name, f.Class, err, c.class)
		}
		for _, want := range c.want {
			if !strings.Contains(f.Text(), want) {
				t.Errorf("%s: %q does not say %q", name, f.Text(), want)
			}
		}
	}
}

func TestWishesReachEveryRung(t *testing.T) {
	spec := aim.DeploymentSpec{
		Model: qwen, Image: "rocm/vllm:rocm7.0_ubuntu22.04_py3.12_vllm_0.16.0", ServedName: "chat", MaxModelLen: 16384,
		Args: []string{"--max_num_seqs", "64", "--no-enable-prefix-caching"}, Env: map[string]string{"NCCL_MIN_NCHANNELS": "112"},
	}
	l, err := load(t).Ladder(spec, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.Rungs {
		text := optionText(r)
		for _, want := range []string{"max-num-seqs=64", "no-enable-prefix-caching", "max-model-len=16384"} {
			if !strings.Contains(text, want) {
				t.Errorf("rung %d has no %s: %s", r.Number, want, text)
			}
		}
		if r.Image != spec.Image || r.Version != "0.16.0" || r.ServedName != "chat" || r.Env["NCCL_MIN_NCHANNELS"] != "112" {
			t.Errorf("rung %d has image %s (%s), name %s, env %v", r.Number, r.Image, r.Version, r.ServedName, r.Env)
		}
	}
}

// Who deploys may ask for the repository's own code; the node's operator answers.
func TestAskingForRemoteCode(t *testing.T) {
	spec := aim.DeploymentSpec{Model: qwen, Args: []string{"--trust-remote-code"}}
	l, err := load(t).Ladder(spec, aim.Fleet{})
	if err != nil || !strings.Contains(optionText(l.Rungs[0]), "trust-remote-code") || !strings.Contains(strings.Join(l.Rungs[0].Memory.Notes, ";"), "node.remote_code") {
		t.Errorf("rung 1 is %+v, %v", l.Rungs, err)
	}
}

// A failure leads to a rung that changes what the failure depends on.
func TestFallbacks(t *testing.T) {
	for _, c := range []struct {
		model string
		class aim.FailureClass
		want  string // of the patch, or the recipe, of the next rung
	}{
		{qwen, aim.ClassKVShort, "--max-model-len auto"},
		{qwen, aim.ClassLength, "--max-model-len auto"},
		{qwen, aim.ClassAttention, "without VLLM_ROCM_USE_AITER"},
		{qwen, aim.ClassGPUFault, "without VLLM_ROCM_USE_AITER"},
		{qwen, aim.ClassParser, "without --enable-auto-tool-choice, without --reasoning-parser, without --tool-call-parser"},
		{qwen, aim.ClassOOM, "qwen3-32b-2xmi300x-fp16"},
		{qwen, aim.ClassKVNone, "qwen3-32b-2xmi300x-fp16"},
		{qwen, aim.ClassQuant, "qwen3-32b-1xmi300x-fp8"},
		{r1, aim.ClassAttention, "VLLM_ROCM_USE_AITER_MLA=0, without --block-size"},
		{"Qwen/Qwen3-8B", aim.ClassOOM, "--max-num-batched-tokens 4096"},
		{"Qwen/Qwen3-8B", aim.ClassKVNone, "--max-num-batched-tokens 4096"},
		{gptOSS, aim.ClassAttention, "without VLLM_ROCM_USE_AITER, without --attention-backend, without --block-size"},
		{gptOSS, aim.ClassArch, "gpt-oss-120b-1xmi300x-mxfp4-v0.17.0"},
		{llama70, aim.ClassCapacity, "llama-3.3-70b-instruct-2xmi300x-fp8-throughput"},
	} {
		l, err := load(t).Ladder(aim.DeploymentSpec{Model: c.model}, aim.Fleet{})
		if err != nil {
			t.Fatal(err)
		}
		next, ok := l.After(1, c.class)
		if !ok || next.Patch != c.want && next.Recipe != c.want {
			t.Errorf("%s after %s: rung %d %s (%s), want %s", c.model, c.class, next.Number, next.Recipe, next.Patch, c.want)
		}
		if ok && next.Patch != "" && next.Loses == "" {
			t.Errorf("%s after %s: the user is not told what rung %d loses", c.model, c.class, next.Number)
		}
	}
}

// What the user asked for is not taken back by a fallback.
func TestFallbacksLeaveWishesAlone(t *testing.T) {
	spec := aim.DeploymentSpec{
		Model: qwen, GPUs: 1, MaxModelLen: 32768, Precision: "fp16", Env: map[string]string{"VLLM_ROCM_USE_AITER": "1"},
		Args: []string{"--max-num-batched-tokens", "8192", "--reasoning-parser", "qwen3", "--enforce-eager", "--kv-cache-dtype", "auto"},
	}
	l, err := load(t).Ladder(spec, fleet(group{8, "MI300X", mi300x}))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.Rungs {
		text := optionText(r)
		for _, want := range []string{"enforce-eager", "kv-cache-dtype=auto", "max-model-len=32768", "max-num-batched-tokens=8192", "reasoning-parser=qwen3"} {
			if !strings.Contains(text, want) {
				t.Errorf("rung %d (%s) took back %s", r.Number, r.Patch, want)
			}
		}
		if r.GPUs != 1 || r.Precision != "fp16" || r.Env["VLLM_ROCM_USE_AITER"] != "1" {
			t.Errorf("rung %d (%s) took back a wish: %d GPUs, %s, %v", r.Number, r.Patch, r.GPUs, r.Precision, r.Env)
		}
	}
}

func TestARecipesOwnFallbacksComeFirst(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": shortForm + `fallbacks:
  - on: [oom, kv_short, quant]
    patch: {gpus: 2, options: {max_num_seqs: 64}, env: {NCCL_MIN_NCHANNELS: "112"}}
    loses: a second GPU
  - on: [attn]
    patch: {options: {max_num_seqs: 32}} # changes nothing that an attention kernel depends on
    loses: nothing
  - on: [arch]
    patch: {image: "vllm/vllm-openai-rocm:v0.18.0"}
    loses: a newer server
`})
	l, err := load(t, dir).Ladder(aim.DeploymentSpec{Model: qwen, Recipe: "qwen3-32b-mi300x-bf16"}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	second, third := l.Rungs[1], l.Rungs[2]
	if second.GPUs != 2 || second.Env["NCCL_MIN_NCHANNELS"] != "112" || !strings.Contains(optionText(second), "max-num-seqs=64") {
		t.Errorf("rung 2 is %+v", second)
	}
	if want := []aim.FailureClass{aim.ClassKVShort, aim.ClassOOM}; !slices.Equal(second.On, want) {
		t.Errorf("rung 2 is tried on %v, want %v: more GPUs mend no quantization", second.On, want)
	}
	if third.Image != "vllm/vllm-openai-rocm:v0.18.0" || third.Version != "0.18.0" || !slices.Equal(third.On, []aim.FailureClass{aim.ClassArch}) {
		t.Errorf("rung 3 is %s (%s) on %v", third.Image, third.Version, third.On)
	}
}

// A context that does not fit is cut to what fits, and the user is told; one
// that the user asked for is not.
func TestAContextThatDoesNotFit(t *testing.T) {
	small := fleet(group{1, "MI300X", 80 << 30})
	l, err := load(t).Ladder(aim.DeploymentSpec{Model: qwen}, small)
	if err != nil {
		t.Fatal(err)
	}
	if top := l.Rungs[0]; top.Recipe != "qwen3-32b-1xmi300x-fp16" || top.Memory.Verdict != aim.VerdictNarrow {
		t.Errorf("on 80 GiB rung 1 is %s (%s)", top.Recipe, top.Memory.Verdict)
	}
	tight := fleet(group{1, "MI300X", 74 << 30})
	l, err = load(t).Ladder(aim.DeploymentSpec{Model: qwen, Precision: "fp16"}, tight)
	if err != nil {
		t.Fatal(err)
	}
	if top := l.Rungs[0]; !strings.Contains(optionText(top), "max-model-len=auto") || !strings.Contains(top.Why, "as long as fits instead of 32,768 tokens") {
		t.Errorf("on 74 GiB rung 1 is %s: %s", optionText(top), top.Why)
	}
	_, err = load(t).Ladder(aim.DeploymentSpec{Model: qwen, Precision: "fp16", MaxModelLen: 32768}, tight)
	if f := aim.FailureOf(err); err == nil || !strings.Contains(f.Why, "one request of 32,768 tokens needs 8.0 GiB") {
		t.Errorf("a length that was asked for and does not fit gives %v", err)
	}
}

func TestResources(t *testing.T) {
	l, err := load(t).Ladder(aim.DeploymentSpec{Model: r1}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	r := l.Rungs[0].Resources
	if r.ShmBytes < 16<<30 || r.DiskBytes < 672878755840 || r.CPUs < 10 || r.HostBytes <= r.ShmBytes {
		t.Errorf("8 GPUs get %+v", r)
	}
	l, err = load(t).Ladder(aim.DeploymentSpec{Model: llama8}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	if one := l.Rungs[0].Resources; one.CPUs >= r.CPUs || one.HostBytes >= r.HostBytes || one.DiskBytes >= r.DiskBytes {
		t.Errorf("1 GPU gets %+v, 8 get %+v", one, r)
	}
}

// Every recipe of the model is on the ladder or turned away with a reason.
func TestRejectionsAreAccountedFor(t *testing.T) {
	c := load(t)
	for _, model := range []string{qwen, llama70, r1, gptOSS} {
		l, err := c.Ladder(aim.DeploymentSpec{Model: model, Precision: "fp8"}, aim.Fleet{})
		if err != nil {
			l, err = c.Ladder(aim.DeploymentSpec{Model: model}, aim.Fleet{})
		}
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, r := range l.Rungs {
			seen[r.Recipe] = true
		}
		for _, r := range l.Rejected {
			if r.Why == "" || seen[r.Recipe] {
				t.Errorf("%s: %s is rejected because %q, and on the ladder: %t", model, r.Recipe, r.Why, seen[r.Recipe])
			}
			seen[r.Recipe] = true
		}
		for _, id := range c.RecipesOf(model) {
			if !seen[id] {
				t.Errorf("%s: nothing is said of %s", model, id)
			}
		}
	}
}

// checkLadder asserts what every ladder promises.
func checkLadder(t interface {
	Errorf(format string, args ...any)
}, spec aim.DeploymentSpec, l aim.Ladder) {
	if len(l.Rungs) == 0 || len(l.Rungs) > 6 {
		t.Errorf("%+v: %d rungs", spec, len(l.Rungs))
	}
	for i, r := range l.Rungs {
		if r.Number != i+1 || r.Recipe == "" || r.Why == "" || r.Model == "" || r.ServedName == "" || r.Image == "" || r.GPUType == "" ||
			r.GPUs < 1 || r.Nodes != 1 || r.Precision == "" || r.Resources.CPUs == 0 || r.Memory.Verdict == aim.VerdictNo || r.Memory.Terms["total"] == 0 {
			t.Errorf("%+v: rung %d is not complete: %+v", spec, i+1, r)
		}
		table, err := options.For(r.Backend, r.Version)
		if err != nil {
			t.Errorf("%+v: rung %d: %v", spec, i+1, err)
			continue
		}
		if problems := append(table.CheckUser(r.Options), table.CheckEnv(r.Env)...); len(problems) > 0 {
			t.Errorf("%+v: rung %d has options that its server refuses: %v", spec, i+1, problems)
		}
		if (i == 0) != (len(r.On) == 0) {
			t.Errorf("%+v: rung %d is tried on %v", spec, i+1, r.On)
		}
		for _, o := range l.Rungs[:i] {
			if o.Model == r.Model && o.GPUs == r.GPUs && o.GPUType == r.GPUType && o.Image == r.Image && reflect.DeepEqual(o.Options, r.Options) && reflect.DeepEqual(o.Env, r.Env) {
				t.Errorf("%+v: rungs %d and %d are the same", spec, o.Number, r.Number)
			}
		}
	}
}
