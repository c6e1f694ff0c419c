package recipes_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/catalogue"
	"github.com/aim-engine/aim/recipes/recipe"
)

// The smallest recipe, in the form that the design gives it. It must load as it
// is and give a complete rung.
const shortForm = `recipe_id: "qwen3-32b-mi300x-bf16"
model_id: "Qwen/Qwen3-32B"
hardware:
  gpu_type: "MI300X"
  gpu_count: 1
  memory_requirement: "80GB"
precision: "bf16"
backend: "vllm"
config:
  max_model_len: 32768
  tensor_parallel_size: 1
  gpu_memory_utilization: 0.9
  dtype: "bfloat16"
  trust_remote_code: false
  enable_chunked_prefill: true
`

func TestTheShortFormLoadsUnchanged(t *testing.T) {
	dir := folder(t, map[string]string{"mine.yaml": shortForm})
	r, err := recipe.Read("mine.yaml", []byte(shortForm))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := catalogue.CheckFile(filepath.Join(dir, "mine.yaml")); err != nil || id != r.ID {
		t.Errorf("the file is checked as %q, %v", id, err)
	}
	if r.ID != "qwen3-32b-mi300x-bf16" || r.Model != "Qwen/Qwen3-32B" || r.Hardware != (recipe.Hardware{GPUType: "MI300X", GPUCount: 1, Memory: 80e9}) ||
		r.Precision != "bf16" || r.Backend != "vllm" || len(r.Config) != 6 || r.Config["gpu_memory_utilization"] != 0.9 {
		t.Errorf("read as %+v", r)
	}
	l, err := load(t, dir).Ladder(aim.DeploymentSpec{Model: "Qwen/Qwen3-32B", Recipe: r.ID}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	rung := l.Rungs[0]
	if rung.Recipe != r.ID || rung.Image == "" || rung.GPUs != 1 || rung.Memory.Verdict != aim.VerdictFits || rung.Model != "Qwen/Qwen3-32B" {
		t.Errorf("rung 1 is %+v", rung)
	}
	if got := optionText(rung); got != "dtype=bfloat16 enable-chunked-prefill gpu-memory-utilization=0.9 max-model-len=32768 max-num-batched-tokens=8192 max-num-seqs=1024" {
		t.Errorf("options are %s", got)
	}
}

func optionText(r aim.Rung) string {
	var words []string
	for _, o := range r.Options {
		if o.Bare {
			words = append(words, o.Name)
			continue
		}
		words = append(words, o.Name+"="+o.Value)
	}
	return strings.Join(words, " ")
}

// Every mistake is a Failure of class input that begins with
// file:line:column and says what to do.
func TestMalformedFilesNameThePlace(t *testing.T) {
	replaced := func(old, fresh string) string {
		if !strings.Contains(shortForm, old) {
			panic("the short form has no " + old)
		}
		return strings.Replace(shortForm, old, fresh, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"unknown field":      {replaced("precision:", "precison:"), `r.yaml:7:1: field "precison" is not known; did you mean "precision"?`},
		"unknown inner":      {replaced("  gpu_count", "  gpu_cuont"), `r.yaml:5:3: field "gpu_cuont" is not known; did you mean "gpu_count"?`},
		"wrong type":         {replaced("gpu_count: 1", "gpu_count: many"), "r.yaml:5:14: cannot read the text `many` as a whole number"},
		"a list for a map":   {replaced("hardware:\n  gpu_type: \"MI300X\"\n  gpu_count: 1\n  memory_requirement: \"80GB\"", "hardware: [1]"), "r.yaml:3:11: cannot read a list as a map of fields"},
		"twice":              {shortForm + "backend: vllm\n", `r.yaml:16:1: field "backend" stands here a second time, after line 8`},
		"bad size":           {replaced("80GB", "80 bananas"), "r.yaml:6:23: cannot read `80 bananas` as a size"},
		"not YAML":           {replaced("precision: \"bf16\"", "precision: a: b"), "r.yaml:7:1: it is not YAML"},
		"tabs":               {replaced("  gpu_count", "\tgpu_count"), "it is not YAML"},
		"unclosed":           {shortForm + "env: {A: \"1\"\n", "it is not YAML"},
		"two documents":      {shortForm + "---\n" + shortForm, "r.yaml: it holds more than one document"},
		"empty":              {"", "r.yaml:1:1: the file is empty"},
		"a scalar":           {"hello", "r.yaml:1:1: cannot read"},
		"missing field":      {replaced("backend: \"vllm\"\n", ""), `r.yaml:1:1: field "backend" is missing`},
		"missing type":       {replaced("  gpu_type: \"MI300X\"\n", ""), `field "gpu_type" is missing`},
		"bad id":             {replaced("qwen3-32b-mi300x-bf16", "Qwen 3"), `r.yaml:1:12: "Qwen 3" is not an id`},
		"bad model":          {replaced("Qwen/Qwen3-32B", "a b"), "r.yaml:2:11: model"},
		"bad type":           {replaced("MI300X\"", "mi 300\""), `r.yaml:4:13: "mi 300" is not a GPU type`},
		"no GPU":             {replaced("gpu_count: 1", "gpu_count: 0"), "r.yaml:5:14: 0 GPUs"},
		"bad precision":      {replaced("\"bf16\"\nbackend", "\"bf61\"\nbackend"), `r.yaml:7:12: precision "bf61" is not known; did you mean "bf16"?`},
		"bad backend":        {replaced("\"vllm\"", "\"vlm\""), `r.yaml:8:10: backend "vlm" is not known; did you mean "vllm"?`},
		"unknown option":     {replaced("max_model_len", "max_modle_len"), "r.yaml:10:18: --max-modle-len: vllm 0.22.1 has no such option; did you mean --max-model-len?"},
		"removed option":     {replaced("enable_chunked_prefill: true", "max_seq_len_to_capture: 8192"), "no longer has it, it was last in v0.10.0; use --max-cudagraph-capture-size"},
		"bad choice":         {replaced("bfloat16", "float8"), "r.yaml:13:10: --dtype: \"float8\" is not one of"},
		"value for a flag":   {replaced("enable_chunked_prefill: true", "enable_chunked_prefill: \"yes\""), "it is a flag and takes no value"},
		"other parallelism":  {replaced("tensor_parallel_size: 1", "tensor_parallel_size: 2"), "r.yaml:11:25: tensor_parallel_size is 2, but hardware.gpu_count is 1"},
		"bad version":        {shortForm + "backend_version: 0.1.0\n", "r.yaml:16:18: vllm 0.1.0 is older"},
		"bad env":            {shortForm + "env: {HIP_VISIBLE_DEVICES: \"0\"}\n", "r.yaml:16:28: HIP_VISIBLE_DEVICES: a server sees only"},
		"bad image":          {shortForm + "image: \"a b\"\n", "r.yaml:16:8: image"},
		"fallback, no on":    {shortForm + "fallbacks: [{patch: {gpus: 2}, loses: x}]\n", "r.yaml:16:13: a fallback needs"},
		"fallback, class":    {shortForm + "fallbacks: [{on: [oops], patch: {gpus: 2}, loses: x}]\n", `failure class "oops" is not known`},
		"fallback, final":    {shortForm + "fallbacks: [{on: [auth], patch: {gpus: 2}, loses: x}]\n", `failure class "auth" is never retried`},
		"nameless evidence":  {shortForm + "evidence: [{maturity: optimized}]\n", "r.yaml:16:12: evidence without a source"},
		"two checkpoints":    {shortForm + "checkpoint: a/b\nhuggingface_id: c/d\n", "r.yaml:17:17: it differs from checkpoint"},
		"alias bomb":         {shortForm + "note: &a x\nenv: {A: *b}\n", "it is not YAML"},
		"null for the model": {replaced("\"Qwen/Qwen3-32B\"", "null"), `field "model_id" is missing`},
	} {
		_, err := recipe.Read("r.yaml", []byte(c.text))
		f := aim.FailureOf(err)
		if err == nil || f.Class != aim.ClassInput || !strings.Contains(f.Why, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A file of either kind is checked as what it is.
func TestCheckFile(t *testing.T) {
	dir := folder(t, map[string]string{
		"model.yaml":  "model_id: acme/tiny\nparameters: 8000000000\nsource: the maker's page\n",
		"shape.yaml":  "model_id: acme/tiny\narchitecture: {layers: 1, source: x, local: {layers: 2, window: 8}}\n",
		"linear.yaml": "model_id: acme/tiny\narchitecture: {layers: 2, source: x, linear: {layers: 3, state_bytes: 8}}\n",
		"no-id.yaml":  strings.Replace(shortForm, "recipe_id:", "recpie_id:", 1),
	})
	for name, want := range map[string]string{
		"model.yaml": "", "shape.yaml": "shape.yaml:2:", "linear.yaml": "linear layers must be", "no-id.yaml": `did you mean "recipe_id"`, "none.yaml": "none.yaml cannot be read",
	} {
		id, err := catalogue.CheckFile(filepath.Join(dir, name))
		if want == "" && (err != nil || id != "acme/tiny") {
			t.Errorf("%s: %q, %v", name, id, err)
		}
		if f := aim.FailureOf(err); want != "" && (err == nil || f.Class != aim.ClassInput || !strings.Contains(f.Why, want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]recipe.Size{"80": 80e9, "80.5": 80.5e9, "64GB": 64e9, "\"64 GB\"": 64e9, "64GiB": 64 << 30, "64Gi": 64 << 30, "1.5TB": 1.5e12, "500MB": 500e6} {
		r, err := recipe.Read("r.yaml", []byte(strings.Replace(shortForm, "\"80GB\"", text, 1)))
		if err != nil || r.Hardware.Memory != want {
			t.Errorf("%s is read as %d (%v), want %d", text, r.Hardware.Memory, err, want)
		}
	}
}

var placed = regexp.MustCompile(`^r\.yaml(:\d+:\d+)?: `)

// Whatever a file holds: either it is a valid recipe, or the answer is a
// Failure of class input that names the file. It never panics.
func FuzzRead(f *testing.F) {
	f.Add(shortForm)
	for _, pattern := range []string{"catalogue/recipes/qwen3-32b-1xmi300x-fp16.yaml", "catalogue/recipes/deepseek-r1-0528-8xmi300x-fp8.yaml", "recipe/fallbacks.yaml"} {
		data, err := os.ReadFile(pattern)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, s := range []string{"", "[", "&a [*a]", "a: !!binary x", "? [a]\n: b", "{recipe_id: 1, config: {? {a: b} : c}}", "<<: 1", "config: {<<: {a: 1}}", "hardware: !!python/object 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := recipe.Read("r.yaml", []byte(text))
		if err == nil {
			if r.ID == "" || r.Model == "" || r.Hardware.GPUCount < 1 {
				t.Fatalf("%q is accepted as %+v", text, r)
			}
			return
		}
		if fail := aim.FailureOf(err); fail.Class != aim.ClassInput || !placed.MatchString(fail.Why) {
			t.Fatalf("%q gives %v, which names no place", text, err)
		}
	})
}
