package recipes_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// words writes a rung's options as on a command line.
func words(t *testing.T, r aim.Rung) string {
	t.Helper()
	table, err := options.For(r.Backend, r.Version)
	if err != nil {
		t.Fatal(err)
	}
	if problems := table.CheckUser(r.Options); len(problems) > 0 {
		t.Errorf("%s: %v", r.Recipe, problems)
	}
	return strings.Join(table.Render(r.Options), " ")
}

// Whoever asks for another backend gets the recipe's model and GPUs with the
// settings that mean the same there, and nothing that is vLLM's alone.
func TestLadderForAnotherBackend(t *testing.T) {
	for _, c := range []struct {
		spec  aim.DeploymentSpec
		image string
		has   []string
	}{
		{aim.DeploymentSpec{Model: qwen, Backend: "sglang"}, "lmsysorg/sglang:", []string{"--context-length 32768", "--mem-fraction-static 0.9", "--dtype float16"}},
		{aim.DeploymentSpec{Model: qwen, Backend: "tgi"}, "ghcr.io/huggingface/text-generation-inference:", []string{"--max-total-tokens 32768", "--cuda-memory-fraction 0.9", "--dtype float16"}},
		{aim.DeploymentSpec{Model: qwen, Backend: "sglang", MaxModelLen: 8192}, "lmsysorg/sglang:", []string{"--context-length 8192"}},
		{aim.DeploymentSpec{Model: qwen, Backend: "sglang", Args: []string{"--context-length", "4096", "--attention-backend", "aiter"}}, "lmsysorg/sglang:", []string{"--context-length 4096", "--attention-backend aiter"}},
		{aim.DeploymentSpec{Model: qwen, Backend: "tgi", Args: []string{"--quantize", "eetq"}}, "ghcr.io/", []string{"--quantize eetq"}},
		{aim.DeploymentSpec{Model: qwen, Backend: "tgi", Image: "mirror.local/tgi:3.3.7-rocm"}, "mirror.local/tgi:3.3.7", []string{"--max-total-tokens 32768"}},
	} {
		l, err := load(t).Ladder(c.spec, aim.Fleet{})
		if err != nil {
			t.Errorf("%+v: %v", c.spec, err)
			continue
		}
		top := l.Rungs[0]
		line := words(t, top)
		if !strings.HasPrefix(top.Image, c.image) || !strings.Contains(top.Why, "written for vllm") {
			t.Errorf("%s: image %s, why %q", c.spec.Backend, top.Image, top.Why)
		}
		for _, has := range c.has {
			if !strings.Contains(line, has) {
				t.Errorf("%s: %q has no %q", c.spec.Backend, line, has)
			}
		}
		for name := range top.Env {
			if strings.HasPrefix(name, "VLLM_") {
				t.Errorf("%s gets %s", c.spec.Backend, name)
			}
		}
		for _, r := range l.Rungs {
			if r.Backend != c.spec.Backend {
				t.Errorf("rung %d is for %s, not %s", r.Number, r.Backend, c.spec.Backend)
			}
			words(t, r)
		}
	}
}

// A recipe that was written for the backend comes before one that was not, and
// parsers get the backend's own names.
func TestLadderPrefersARecipeOfTheBackend(t *testing.T) {
	l, err := load(t).Ladder(aim.DeploymentSpec{Model: r1, Backend: "sglang"}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	if top := l.Rungs[0]; top.Recipe != "deepseek-r1-0528-8xmi300x-fp8-sglang" || top.Image != "lmsysorg/sglang:v0.5.9-rocm700-mi30x" {
		t.Errorf("rung 1 is %s with %s", top.Recipe, top.Image)
	}
	var ported []string
	for _, r := range l.Rungs[1:] {
		ported = append(ported, words(t, r))
	}
	if !slices.ContainsFunc(ported, func(line string) bool { return strings.Contains(line, "--reasoning-parser deepseek-r1") }) {
		t.Errorf("no rung has SGLang's name of the parser: %q", ported)
	}
}

// The mistakes of users are told in the words of the backend they asked for.
func TestLadderRefusesForeignOptions(t *testing.T) {
	for _, c := range []struct {
		backend string
		args    []string
		class   aim.FailureClass
		want    string
	}{
		{"sglang", []string{"--max-model-len", "4096"}, aim.ClassInput, "sglang calls it --context-length"},
		{"sglang", []string{"--contxt-length", "4096"}, aim.ClassInput, "did you mean --context-length"},
		{"sglang", []string{"--tp-size", "4"}, aim.ClassInput, "from the field gpus"},
		{"tgi", []string{"--max-total-token", "4096"}, aim.ClassInput, "did you mean --max-total-tokens"},
		{"tgi", []string{"--kv-cache-dtype", "fp8_e5m2"}, aim.ClassInput, "not on ROCm"},
		{"tgi", []string{"--quantize", "fp8", "--dtype", "float16"}, aim.ClassInput, "beside --quantize"},
		{"vllm", []string{"--context-length", "4096"}, aim.ClassInput, "no such option"},
	} {
		_, err := load(t).Ladder(aim.DeploymentSpec{Model: qwen, Backend: c.backend, Args: c.args}, aim.Fleet{})
		if f := aim.FailureOf(err); err == nil || f.Class != c.class || !strings.Contains(f.Why, c.want) {
			t.Errorf("%s %v: %v, want %s with %q", c.backend, c.args, err, c.class, c.want)
		}
	}
}
