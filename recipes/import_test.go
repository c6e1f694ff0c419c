package recipes_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/importer"
	"github.com/aim-engine/aim/recipes/recipe"
)

func imported(t *testing.T, name string) []importer.Imported {
	t.Helper()
	file := filepath.Join("testdata", "import", name)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	made, err := importer.Import(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return made.Recipes
}

func TestImportOfAProfile(t *testing.T) {
	all := imported(t, "profile.yaml")
	if len(all) != 1 {
		t.Fatalf("one profile makes %d recipes", len(all))
	}
	got := all[0].Recipe
	if got.ID != "large-2xmi300x-fp8-latency" || got.Model != "acme/Large" || got.Checkpoint != "acme/Large-FP8" || got.Metric != "latency" ||
		got.Maturity != "preview" || !got.ManualOnly || got.Hardware != (recipe.Hardware{GPUType: "MI300X", GPUCount: 2}) || got.Features.ReasoningParser != "qwen3" {
		t.Errorf("it is read as %+v", got)
	}
	config := map[string]any{
		"disable_uvicorn_access_log": true, "gpu_memory_utilization": 0.9, "kv_cache_dtype": "fp8", "max_model_len": 32768,
		"enable_prefix_caching": false, "cudagraph_capture_sizes": 64,
		"compilation_config": map[string]any{"mode": 3.0, "pass_config": map[string]any{"fuse_norm_quant": true}},
	}
	if !reflect.DeepEqual(got.Config, config) {
		t.Errorf("config is %v, want %v", got.Config, config)
	}
	if want := map[string]string{"GPU_ARCHS": "gfx942", "VLLM_ROCM_USE_AITER": "1"}; !reflect.DeepEqual(got.Env, want) {
		t.Errorf("env is %v, want %v", got.Env, want)
	}
	lists(t, all[0].Changes, "--max-seq-len-to-capture is dropped", "--swap-space is dropped", "--cuda-graph-sizes is now --cudagraph-capture-sizes",
		"--no-such-thing is dropped", "--tensor-parallel-size is left out: hardware.gpu_count", "--no-trust-remote-code is left out",
		"--distributed-executor-backend is left out", "VLLM_USE_AITER_TRITON_ROPE is dropped", "HIP_VISIBLE_DEVICES is dropped")
}

func TestImportOfAModelFile(t *testing.T) {
	var ids []string
	for _, i := range imported(t, "model.yaml") {
		ids = append(ids, i.Recipe.ID)
		r := i.Recipe
		if r.Features != (recipe.Features{ToolCallParser: "hermes", ReasoningParser: "qwen3"}) || r.Config["max_num_batched_tokens"] != 16384 ||
			r.Config["enable_chunked_prefill"] != true || r.Config["compilation_config.pass_config.fuse_rope_kvcache"] != "True" || r.Env["VLLM_ROCM_USE_AITER"] != "1" {
			t.Errorf("%s is read as %+v", r.ID, r)
		}
		if r.Config["attention_backend"] != nil || r.Config["speculative_config"] != nil {
			t.Errorf("%s has settings of other hardware, or of a feature that nobody asked for: %v", r.ID, r.Config)
		}
		lists(t, i.Changes, "--trust-remote-code is left out", "--swap-space is dropped", "VLLM_USE_V1 is dropped")
	}
	if got, want := strings.Join(ids, " "), "mixture-4xmi300x-bf16 mixture-4xmi300x-fp8 mixture-4xmi355x-bf16 mixture-4xmi355x-fp8"; got != want {
		t.Errorf("it makes %s, want %s", got, want)
	}
}

func lists(t *testing.T, changes []string, wanted ...string) {
	t.Helper()
	text := strings.Join(changes, "\n")
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("the changes do not tell %q:\n%s", want, text)
		}
	}
}

// What is imported is written as a file that reads back the same and can be
// taken.
func TestImportedRecipesCanBeTaken(t *testing.T) {
	for _, name := range []string{"profile.yaml", "model.yaml"} {
		for _, i := range imported(t, name) {
			text, err := i.Recipe.YAML()
			if err != nil {
				t.Fatal(err)
			}
			c := load(t, folder(t, map[string]string{i.Recipe.ID + ".yaml": string(text)}))
			again, err := c.Recipe(i.Recipe.ID)
			if err != nil {
				t.Errorf("%s does not read back: %v\n%s", i.Recipe.ID, err, text)
				continue
			}
			if second, err := again.YAML(); err != nil || string(second) != string(text) {
				t.Errorf("%s is written as\n%s\nand, read back, as\n%s", i.Recipe.ID, text, second)
			}
			if _, err := c.Ladder(aim.DeploymentSpec{Model: i.Recipe.Model, Recipe: i.Recipe.ID}, aim.Fleet{}); err != nil {
				t.Errorf("%s cannot be taken: %v", i.Recipe.ID, err)
			}
		}
	}
}

func TestImportRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":      {"a: [", "f.yaml:1:"},
		"a list":        {"- a", "f.yaml:1:1: it is not a map"},
		"empty":         {"", "f.yaml:1:1: it is not a map"},
		"neither":       {"a: 1", "neither a profile"},
		"a recipe":      {"recipe_id: x", "it is a recipe of AIM Engine already"},
		"no model":      {"metadata: {engine: vllm, gpu: MI300X, gpu_count: 1}\nengine_args: {}", "for no model"},
		"no GPU":        {"model_id: a/b\nmetadata: {engine: vllm, gpu: NONE, gpu_count: 0}\nengine_args: {}", "f.yaml:2:11: it is for no GPU"},
		"other engine":  {"model_id: a/b\nmetadata:\n  engine: x\n  gpu: MI300X\n  gpu_count: 1\nengine_args: {}", `f.yaml:3:11: engine "x" is not known`},
		"precision":     {"model_id: a/b\nmetadata: {engine: vllm, gpu: MI300X, gpu_count: 1, precision: fp9}\nengine_args: {}", `precision "fp9" is not known`},
		"bad type":      {"model_id: a/b\nmetadata: {engine: vllm, gpu: MI300X, gpu_count: many}\nengine_args: {}", "it is for no GPU"},
		"other vendors": {"meta: {hardware: {h100: verified}}\nmodel: {model_id: a/b}\nvariants: {default: {precision: bf16}}", "verifies nothing"},
		"no id":         {"meta: {hardware: {mi300x: verified}}\nmodel: {}\nvariants: {default: {precision: bf16}}", `"model_id" is missing`},
	} {
		_, err := importer.Import("f.yaml", []byte(c.text))
		if f := aim.FailureOf(err); err == nil || f.Class != aim.ClassInput || !strings.Contains(f.Why, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

var named = regexp.MustCompile(`^f\.yaml(:\d+:\d+)?: `)

// Whatever a foreign file holds: valid recipes that can be written, or a
// Failure that names the file.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"profile.yaml", "model.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", "import", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("metadata: {gpu: MI300X, gpu_count: 1, engine: vllm, precision: fp8}\nmodel_id: a\nengine_args: {? {a: b} : c}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := importer.Import("f.yaml", data)
		if err != nil {
			if fail := aim.FailureOf(err); fail.Class != aim.ClassInput || !named.MatchString(fail.Why) {
				t.Fatalf("%q gives %v, which names no place", data, err)
			}
			return
		}
		for _, i := range all.Recipes {
			text, err := i.Recipe.YAML()
			if err != nil {
				t.Fatalf("%q makes a recipe that cannot be written: %v", data, err)
			}
			if _, err := recipe.Read("f.yaml", text); err != nil {
				t.Fatalf("%q makes a recipe that cannot be read: %v\n%s", data, err, text)
			}
		}
	})
}
