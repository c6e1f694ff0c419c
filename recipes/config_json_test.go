package recipes_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/model"
)

// described reads a file of testdata/config, whose fields are those that the
// model's publisher has in its config.json.
func described(t testing.TB, name string) recipes.Description {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "config", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return recipes.Description{Model: "acme/" + name, Config: data}
}

// The parameters that follow from a config.json are those that the publisher
// states, in every family.
func TestConfigsGiveTheStatedParameters(t *testing.T) {
	for _, c := range []struct {
		config   string
		billions float64 // stated, or counted in the catalogue
		gigabyte float64 // of the checkpoint; 0 = not known
	}{
		{"qwen3-32b", 32.76, 65.5},
		{"deepseek-r1", 671, 673},
		{"gpt-oss-120b", 116.8, 65.3},
		{"gemma-3-27b-it", 27.4, 54.8},
		{"llama-4-scout", 108.6, 217},
		{"qwen3-next-80b", 79.67, 159},
		{"minimax-m2", 228.7, 230},
		{"qwen3-30b-a3b-fp8", 30.53, 31.2},
		{"llama-3.1-70b-awq", 70.55, 39.8},
		{"mistral-7b-v0.1", 7.24, 14.5},
		{"bge-m3", 0.567, 0},
		{"qwen3-reranker-8b", 8.19, 16.4},
	} {
		m, err := model.FromConfig(described(t, c.config))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got := float64(m.Parameters) / 1e9; math.Abs(got-c.billions) > 0.02*c.billions {
			t.Errorf("%s has %.2f billion parameters, want %.2f", c.config, got, c.billions)
		}
		if got := float64(m.Checkpoints[0].Bytes) / 1e9; c.gigabyte > 0 && math.Abs(got-c.gigabyte) > 0.02*c.gigabyte {
			t.Errorf("%s takes %.1f GB, want %.1f", c.config, got, c.gigabyte)
		}
	}
}

// What a config.json says of layers, cache and context, field by field.
func TestConfigsGiveTheShape(t *testing.T) {
	for config, want := range map[string]string{
		"deepseek-r1":       "3 × full attention, latent 576 + dense 18432; 58 × full attention, latent 576 + 256 experts of 2048, 8 used, shared 2048; context 163840",
		"gpt-oss-120b":      "18 × attention to 128 tokens, 8 KV heads of 64 + 128 experts of 2880, 4 used; 18 × full attention, 8 KV heads of 64 + 128 experts of 2880, 4 used; context 131072",
		"gemma-3-27b-it":    "52 × attention to 1,024 tokens, 16 KV heads of 128 + dense 21504; 10 × full attention, 16 KV heads of 128 + dense 21504; context 131072",
		"llama-4-scout":     "36 × attention to 8,192 tokens, 8 KV heads of 128 + 16 experts of 8192, 1 used, shared 8192; 12 × full attention, 8 KV heads of 128 + 16 experts of 8192, 1 used, shared 8192; context 10485760",
		"qwen3-next-80b":    "36 × delta net with a state of 1.0 MiB + 512 experts of 512, 10 used, shared 512; 12 × full attention, 2 KV heads of 256 + 512 experts of 512, 10 used, shared 512; context 262144",
		"mistral-7b-v0.1":   "32 × attention to 4,096 tokens, 8 KV heads of 128 + dense 14336; context 32768",
		"qwen3-32b":         "64 × full attention, 8 KV heads of 128 + dense 25600; context 40960",
		"bge-m3":            "24 × full attention, 16 KV heads of 64 + dense 4096; context 8194",
		"minimax-m2":        "62 × full attention, 8 KV heads of 128 + 256 experts of 1536, 8 used; context 196608",
		"llama-3.1-70b-awq": "80 × full attention, 8 KV heads of 128 + dense 28672; context 131072",
	} {
		m, err := model.FromConfig(described(t, config))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := fmt.Sprintf("%s; context %d", strings.Join(m.Shape.Describe(), "; "), m.Shape.MaxPosition); got != want {
			t.Errorf("%s is read as\n%s\nwant\n%s", config, got, want)
		}
	}
}

// A model that no recipe runs goes on the smallest number of GPUs that has
// room for its context.
func TestLadderFromConfig(t *testing.T) {
	box := fleet(group{8, "MI300X", mi300x})
	for _, c := range []struct {
		config string
		spec   aim.DeploymentSpec
		fleet  aim.Fleet
		want   string // recipe of rung 1
		has    string // of its options
	}{
		{"qwen3-32b", aim.DeploymentSpec{}, box, "qwen3-32b-1xmi300x-bf16-derived", "dtype=bfloat16"},
		{"qwen3-32b", aim.DeploymentSpec{}, aim.Fleet{}, "qwen3-32b-1xmi300x-bf16-derived", "max-model-len=40960"},
		{"qwen3-32b", aim.DeploymentSpec{GPUs: 4}, box, "qwen3-32b-4xmi300x-bf16-derived", ""},
		{"qwen3-32b", aim.DeploymentSpec{Precision: "fp16"}, box, "qwen3-32b-1xmi300x-bf16-derived", "dtype=float16"},
		{"qwen3-32b", aim.DeploymentSpec{}, fleet(group{8, "MI355X", mi355x}), "qwen3-32b-1xmi355x-bf16-derived", ""},
		{"deepseek-r1", aim.DeploymentSpec{}, box, "deepseek-r1-8xmi300x-fp8-derived", ""},
		{"gpt-oss-120b", aim.DeploymentSpec{}, box, "gpt-oss-120b-1xmi300x-mxfp4-derived", ""},
		{"llama-3.1-70b-awq", aim.DeploymentSpec{}, box, "llama-3-1-70b-awq-1xmi300x-int4-derived", "dtype=float16"},
		{"llama-4-scout", aim.DeploymentSpec{}, box, "llama-4-scout-8xmi300x-bf16-derived", "max-model-len=10485760"},
		{"llama-4-scout", aim.DeploymentSpec{MaxModelLen: 32768}, box, "llama-4-scout-2xmi300x-bf16-derived", "max-model-len=32768"},
		{"minimax-m2", aim.DeploymentSpec{MaxModelLen: 32768}, box, "minimax-m2-2xmi300x-fp8-derived", ""},
		{"bge-m3", aim.DeploymentSpec{}, box, "bge-m3-1xmi300x-bf16-derived", ""},
	} {
		d := described(t, c.config)
		c.spec.Model = d.Model
		l, err := load(t).LadderFrom(c.spec, c.fleet, d)
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		top := l.Rungs[0]
		if top.Recipe != c.want || !strings.Contains(optionText(top), c.has) || top.Model != d.Model || top.Why == "" {
			t.Errorf("%s %+v: rung 1 is %s with %s (%s), want %s with %s", c.config, c.spec, top.Recipe, optionText(top), top.Memory.Why, c.want, c.has)
		}
	}
}

// The readiness proof follows the task, so the task must be right.
func TestConfigsGiveTheTask(t *testing.T) {
	for config, want := range map[string]string{"qwen3-32b": "generate", "gemma-3-27b-it": "generate", "bge-m3": "embed", "qwen3-reranker-8b": "score"} {
		d := described(t, config)
		l, err := load(t).LadderFrom(aim.DeploymentSpec{Model: d.Model}, aim.Fleet{}, d)
		if err != nil || l.Rungs[0].Task != want {
			t.Errorf("%s: %v, want the task %q", config, err, want)
		}
	}
}

func TestLadderFromConfigRefuses(t *testing.T) {
	edited := func(name, old, fresh string) recipes.Description {
		d := described(t, name)
		text := strings.Replace(string(d.Config), old, fresh, 1)
		if text == string(d.Config) {
			t.Fatalf("%s has no %s", name, old)
		}
		d.Config = []byte(text)
		return d
	}
	for name, c := range map[string]struct {
		d     recipes.Description
		spec  aim.DeploymentSpec
		class aim.FailureClass
		want  string
	}{
		"not JSON":           {recipes.Description{Config: []byte("{\n x")}, aim.DeploymentSpec{}, aim.ClassInput, "config.json:2:2: it is not a JSON object"},
		"not an object":      {recipes.Description{Config: []byte("[1]")}, aim.DeploymentSpec{}, aim.ClassInput, "it is not a JSON object"},
		"no language":        {recipes.Description{Config: []byte(`{"x": 1}`)}, aim.DeploymentSpec{}, aim.ClassNoRecipe, "not the configuration of a language model"},
		"a text for count":   {edited("qwen3-32b", `"hidden_size": 5120`, `"hidden_size": "big"`), aim.DeploymentSpec{}, aim.ClassNoRecipe, `says nothing of hidden_size ("big" makes no sense)`},
		"a negative count":   {edited("qwen3-32b", `"num_hidden_layers": 64`, `"num_hidden_layers": -64`), aim.DeploymentSpec{}, aim.ClassNoRecipe, `num_hidden_layers (-64 makes no sense)`},
		"a field missing":    {edited("qwen3-32b", `"num_hidden_layers": 64,`, ``), aim.DeploymentSpec{}, aim.ClassNoRecipe, "says nothing of num_hidden_layers"},
		"inside":             {edited("gemma-3-27b-it", `"hidden_size": 5376`, `"hidden_size": []`), aim.DeploymentSpec{}, aim.ClassNoRecipe, `hidden_size ([] makes no sense)`},
		"an encoder-decoder": {edited("qwen3-32b", `"head_dim"`, `"is_encoder_decoder": true, "head_dim"`), aim.DeploymentSpec{}, aim.ClassNoRecipe, "encoder-decoder"},
		"not on AMD":         {edited("llama-3.1-70b-awq", `"awq"`, `"moe_wna16"`), aim.DeploymentSpec{}, aim.ClassQuant, "does not run on AMD"},
		"unknown method":     {edited("llama-3.1-70b-awq", `"awq"`, `"new"`), aim.DeploymentSpec{}, aim.ClassNoRecipe, `quantized by "new"`},
		"three GPUs":         {described(t, "qwen3-32b"), aim.DeploymentSpec{GPUs: 3}, aim.ClassNoRecipe, "64 attention heads cannot be divided by 3 GPUs; 1, 2, 4, 8 GPUs can be used"},
		"blocks":             {described(t, "qwen3-30b-a3b-fp8"), aim.DeploymentSpec{GPUs: 4}, aim.ClassNoRecipe, "whole quantization blocks of 128"},
		"too large":          {described(t, "deepseek-r1"), aim.DeploymentSpec{GPUs: 2}, aim.ClassNoRecipe, "does not fit on 2 GPUs"},
		"by a recipe":        {described(t, "qwen3-32b"), aim.DeploymentSpec{Recipe: "x"}, aim.ClassNoRecipe, `no recipe "x"`},
		"another precision":  {described(t, "qwen3-32b"), aim.DeploymentSpec{Precision: "int4"}, aim.ClassNoRecipe, "it is bf16, not int4"},
	} {
		c.spec.Model = "acme/model"
		_, err := load(t).LadderFrom(c.spec, fleet(group{8, "MI300X", mi300x}), c.d)
		if f := aim.FailureOf(err); err == nil || f.Class != c.class || !strings.Contains(f.Text(), c.want) {
			t.Errorf("%s: %v, want class %s with %q", name, err, c.class, c.want)
		}
	}
}

// A model that brings code is no reason to refuse: its ladder says so, and its
// node decides whether that code runs.
func TestACodeOfItsOwnIsTold(t *testing.T) {
	d := described(t, "own-code")
	l, err := load(t).LadderFrom(aim.DeploymentSpec{Model: d.Model}, aim.Fleet{}, d)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(l.Rungs[0].Memory.Notes, "; "); !strings.Contains(optionText(l.Rungs[0]), "trust-remote-code") || !strings.Contains(notes, "node.remote_code") {
		t.Errorf("rung 1 has %s; notes %s", optionText(l.Rungs[0]), notes)
	}
	d.Config = []byte(strings.Replace(string(d.Config), "AcmeForCausalLM", "Qwen3ForCausalLM", 1))
	l, err = load(t).LadderFrom(aim.DeploymentSpec{Model: d.Model}, aim.Fleet{}, d)
	if err != nil || strings.Contains(optionText(l.Rungs[0]), "trust-remote-code") {
		t.Errorf("a class that the server has itself needs no code: %v, %s", err, optionText(l.Rungs[0]))
	}
}

// Whatever a config.json holds: a model, or a Failure that names the file.
func FuzzFromConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/config/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	c := load(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := recipes.Description{Model: "acme/model", Config: data}
		l, err := c.LadderFrom(aim.DeploymentSpec{Model: d.Model}, aim.Fleet{}, d)
		if err != nil {
			if fail := aim.FailureOf(err); fail.Class == aim.ClassInternal || !strings.Contains(fail.Why, "acme/model") {
				t.Fatalf("%q gives %v, which names no file", data, err)
			}
			return
		}
		for name, value := range l.Rungs[0].Memory.Terms {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				t.Fatalf("%q: term %s is %g", data, name, value)
			}
		}
	})
}
