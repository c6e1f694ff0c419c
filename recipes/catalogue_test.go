package recipes_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/options"
)

func TestEveryEmbeddedRecipeIsValidAndHasEvidence(t *testing.T) {
	c := load(t)
	models := map[string]bool{}
	for _, id := range c.Recipes() {
		r, err := c.Recipe(id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		models[r.Model] = true
		if r.ID != id || !strings.HasSuffix(r.Source(), "/"+id+".yaml") {
			t.Errorf("recipe %s is read as %s from %s", id, r.ID, r.Source())
		}
		if part := fmt.Sprintf("-%dx%s-%s", r.Hardware.GPUCount, strings.ToLower(r.Hardware.GPUType), r.Precision); !strings.Contains(id, part) {
			t.Errorf("recipe %s is for %d %s in %s, and its id has no %q", id, r.Hardware.GPUCount, r.Hardware.GPUType, r.Precision, part)
		}
		if len(r.Evidence) == 0 {
			t.Errorf("%s has no evidence", id)
		}
		for _, e := range r.Evidence {
			if _, err := time.Parse(time.DateOnly, e.Date); err != nil || !strings.HasPrefix(e.URL, "https://") {
				t.Errorf("%s: evidence %q needs a url and a date: %q, %q", id, e.Source, e.URL, e.Date)
			}
		}
		model, err := c.Model(r.Model)
		if err != nil || len(model.Checkpoints) == 0 {
			t.Errorf("%s: its model has no file with checkpoints (%v)", id, err)
		}
	}
	if len(models) < 26 {
		t.Errorf("there are recipes for %d models, want at least 26", len(models))
	}
}

// Every setting of an embedded recipe must be claimed by one of its sources.
func TestEverySettingHasASource(t *testing.T) {
	c := load(t)
	for _, id := range c.Recipes() {
		r, err := c.Recipe(id)
		if err != nil {
			t.Fatal(err)
		}
		var claimed []string
		for _, e := range r.Evidence {
			claimed = append(claimed, e.Sets...)
		}
		for name := range r.Config {
			if name != "dtype" && !slices.Contains(claimed, name) { // dtype follows from precision
				t.Errorf("%s: nobody claims config %s", id, name)
			}
		}
		for name := range r.Env {
			if !slices.Contains(claimed, name) {
				t.Errorf("%s: nobody claims env %s", id, name)
			}
		}
	}
}

// The embedded recipes must run with their own settings: every one must be
// taken when asked for by its id on the hardware it names.
func TestEveryEmbeddedRecipeCanBeTaken(t *testing.T) {
	c := load(t)
	for _, id := range c.Recipes() {
		r, err := c.Recipe(id)
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.Ladder(aim.DeploymentSpec{Model: r.Model, Recipe: id}, aim.Fleet{})
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		top := l.Rungs[0]
		if top.Recipe != id || top.GPUs != r.Hardware.GPUCount || top.Model != r.Weights() {
			t.Errorf("%s: rung 1 is %s on %d GPUs with %s", id, top.Recipe, top.GPUs, top.Model)
		}
		m, err := c.Model(r.Model)
		if v := top.Memory.Verdict; err != nil || m.Parameters > 0 && v != aim.VerdictFits && v != aim.VerdictNarrow {
			t.Errorf("%s: the verdict on its own hardware is %q (%v)", id, v, err)
		}
	}
}

// Where a model's file states both its shape and its parameters, they agree.
func TestArchitecturesGiveTheStatedParameters(t *testing.T) {
	c := load(t)
	checked := 0
	for _, id := range c.Models() {
		m, err := c.Model(id)
		if err != nil {
			t.Fatal(err)
		}
		if m.Shape == nil || m.Parameters == 0 {
			continue
		}
		stated, counted := float64(m.Parameters), m.Shape.Total()
		checked++
		if math.Abs(counted-stated) > 0.002*stated { // norms and biases are not counted
			t.Errorf("%s: its shape has %.0f parameters, its file says %.0f", id, counted, stated)
		}
	}
	if checked < 25 {
		t.Errorf("only %d models could be checked", checked)
	}
}

func TestUserFoldersAddAndOverride(t *testing.T) {
	mine := `{"recipe_id": "mine", "model_id": "acme/tiny", "hardware": {"gpu_type": "MI300X", "gpu_count": 1, "memory_requirement": "20GB"},
		"precision": "bf16", "backend": "vllm", "config": {"max_model_len": 4096}}`
	dir := folder(t, map[string]string{
		"tiny.json": mine,
		"recipes/override.yaml": "recipe_id: qwen3-32b-1xmi300x-fp16\nmodel_id: Qwen/Qwen3-32B\nhardware: {gpu_type: MI300X, gpu_count: 1}\n" +
			"precision: fp16\nbackend: vllm\nconfig: {max_model_len: 1234}\n",
		"models/tiny.yaml": "model_id: acme/tiny\nparameters: 8000000000\nsource: the maker's page\n",
		"README.md":        "not a recipe",
	})
	c := load(t, dir)
	r, err := c.Recipe("qwen3-32b-1xmi300x-fp16")
	if err != nil || r.Config["max_model_len"] != 1234 || !strings.HasPrefix(r.Source(), dir) {
		t.Errorf("the user's recipe does not override the embedded one: %v from %s (%v)", r.Config, r.Source(), err)
	}
	l, err := c.Ladder(aim.DeploymentSpec{Model: "acme/tiny"}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Rungs[0].Memory.Terms["weights"]; got != 16e9 {
		t.Errorf("weights of 8 billion bf16 parameters are estimated at %g bytes", got)
	}
	if len(load(t).Recipes())+1 != len(c.Recipes()) {
		t.Error("the folder should add one recipe and replace one")
	}
}

// A mistake in one file must not keep other models from being deployed.
func TestABrokenRecipeHurtsOnlyItsOwnModel(t *testing.T) {
	dir := folder(t, map[string]string{"broken.yaml": "recipe_id: broken\nmodel_id: acme/broken\nhardware: [\n"})
	c := load(t, dir)
	if _, err := c.Ladder(aim.DeploymentSpec{Model: "Qwen/Qwen3-32B"}, aim.Fleet{}); err != nil {
		t.Errorf("a broken neighbour stops Qwen3-32B: %v", err)
	}
	_, err := c.Ladder(aim.DeploymentSpec{Model: "acme/broken"}, aim.Fleet{})
	if f := aim.FailureOf(err); err == nil || f.Class != aim.ClassInput || !strings.Contains(f.Why, "broken.yaml:") {
		t.Errorf("the broken recipe gives %v, want a failure that names its place", err)
	}
}

func TestCheckNamesWhatCannotBeIndexed(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no ids":        {map[string]string{"a.yaml": "just: text\n"}, "a.yaml:1:1: field \"model_id\" is missing"},
		"not YAML":      {map[string]string{"a.yaml": "a: b: c\n"}, "a.yaml:1:1: it is not YAML"},
		"same id twice": {map[string]string{"a.yaml": "recipe_id: x\nmodel_id: m\n", "b.yaml": "recipe_id: x\nmodel_id: m\n"}, "b.yaml: recipe x is defined in"},
	} {
		err := load(t, folder(t, c.files)).Check()
		if f := aim.FailureOf(err); err == nil || f.Class != aim.ClassInput || !strings.Contains(f.Why, c.want) {
			t.Errorf("%s: %v, want a failure with %q", name, err, c.want)
		}
	}
	if _, err := recipes.Load("/nonexistent/recipes"); err == nil || aim.FailureOf(err).Class != aim.ClassInput {
		t.Errorf("a missing folder gives %v", err)
	}
}

func TestRecipeNamesTheNearestId(t *testing.T) {
	_, err := load(t).Recipe("qwen3-32b-1xmi300x-fp61")
	f := aim.FailureOf(err)
	if err == nil || f.Class != aim.ClassNoRecipe || !strings.Contains(f.Why, "qwen3-32b-1xmi300x-fp16") || !strings.Contains(f.Hint, "aim recipe list") {
		t.Errorf("a mistyped id gives %v", err)
	}
}

// The pinned defaults must exist in the version that they are for.
func TestDefaultsFitTheirVersion(t *testing.T) {
	c := load(t)
	l, err := c.Ladder(aim.DeploymentSpec{Model: "Qwen/Qwen3-8B"}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	r := l.Rungs[0]
	table, err := options.For(r.Backend, r.Version)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gpu-memory-utilization", "max-num-batched-tokens", "max-num-seqs", "max-model-len"} {
		if !table.Has(r.Options, name) {
			t.Errorf("rung 1 leaves %s to the server, whose default changed between releases", name)
		}
	}
	if !strings.HasSuffix(r.Image, ":v"+r.Version) {
		t.Errorf("image %s is not of version %s", r.Image, r.Version)
	}
}
