package recipes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/recipe"
)

// tiny is a recipe of acme/tiny on one GPU, with more fields.
func tiny(id, more string) string {
	return "recipe_id: " + id + "\nmodel_id: acme/tiny\nhardware: {gpu_type: MI300X, gpu_count: 1, memory_requirement: 20GB}\nprecision: bf16\nbackend: vllm\n" + more
}

// tinyLadder is the ladder of acme/tiny with these recipes.
func tinyLadder(t *testing.T, spec aim.DeploymentSpec, fleet aim.Fleet, files ...string) (aim.Ladder, error) {
	t.Helper()
	named := map[string]string{}
	for i, text := range files {
		named[fmt.Sprintf("%d.yaml", i)] = text
	}
	spec.Model = "acme/tiny"
	return load(t, folder(t, named)).Ladder(spec, fleet)
}

// What a recipe states of CPUs, memory and disk counts; the rest is computed.
func TestStatedResources(t *testing.T) {
	l, err := tinyLadder(t, aim.DeploymentSpec{}, aim.Fleet{}, tiny("a", "resources: {cpus: 40, shm: 32GiB}\n"))
	if err != nil {
		t.Fatal(err)
	}
	computed, err := tinyLadder(t, aim.DeploymentSpec{}, aim.Fleet{}, tiny("a", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := computed.Rungs[0].Resources
	want.CPUs, want.ShmBytes = 40, 32<<30
	if got := l.Rungs[0].Resources; got != want || got.HostBytes == 0 {
		t.Errorf("the resources are %+v, want %+v", got, want)
	}
}

func TestARecipeForManualSelection(t *testing.T) {
	manual := tiny("by-hand", "manual_selection_only: true\n")
	l, err := tinyLadder(t, aim.DeploymentSpec{}, aim.Fleet{}, manual, tiny("usual", ""))
	if err != nil || l.Rungs[0].Recipe != "usual" || !slices.ContainsFunc(l.Rejected, func(r aim.Rejection) bool { return r.Recipe == "by-hand" }) {
		t.Errorf("the ladder is %+v, %v", l, err)
	}
	l, err = tinyLadder(t, aim.DeploymentSpec{Recipe: "by-hand"}, aim.Fleet{}, manual)
	if err != nil || l.Rungs[0].Recipe != "by-hand" {
		t.Errorf("asked for by its id: %+v, %v", l, err)
	}
}

// An image of the user's must have a version that the recipe is for.
func TestVersionRange(t *testing.T) {
	text := tiny("a", "backend_versions: {min: 0.20.0, max: 0.22.1}\n")
	for version, ok := range map[string]bool{"0.20.0": true, "0.21.3": true, "0.19.1": false, "0.23.0": false} {
		_, err := tinyLadder(t, aim.DeploymentSpec{Image: "vllm/vllm-openai-rocm:v" + version}, aim.Fleet{}, text)
		if (err == nil) != ok {
			t.Errorf("vLLM %s: %v", version, err)
		}
	}
	for text, want := range map[string]string{
		tiny("a", "backend_versions: {min: 0.23.0}\n"):              "r.yaml:6:19: it is for vllm 0.23.0 and later, not 0.22.1",
		tiny("a", "backend_versions: {min: 0.22.0, max: 0.21.0}\n"): "min 0.22.0 is younger than max 0.21.0",
		tiny("a", "match: {gpu_types: [MI300X, mi 5]}\n"):           `"mi 5" is not a GPU type`,
		tiny("a", "resources: {cpus: -1}\n"):                        "r.yaml:6:19: it is -1",
	} {
		_, err := recipe.Read("r.yaml", []byte(text))
		if f := aim.FailureOf(err); err == nil || !strings.Contains(f.Why, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A recipe may say that it runs as written on other types, and on GPUs with
// enough memory alone.
func TestMatch(t *testing.T) {
	other := fleet(group{8, "MI355X", mi355x})
	l, err := tinyLadder(t, aim.DeploymentSpec{}, other, tiny("a", "match: {gpu_types: [MI355X]}\n"))
	if err != nil || l.Rungs[0].GPUType != "MI355X" || strings.Contains(l.Rungs[0].Why, "written for") {
		t.Errorf("the ladder is %+v, %v", l, err)
	}
	_, err = tinyLadder(t, aim.DeploymentSpec{}, fleet(group{64, "MI300X", mi300x / 8}), tiny("a", "match: {min_vram: 100GB}\n"))
	if f := aim.FailureOf(err); err == nil || !strings.Contains(f.Why, "at least 93.1 GiB") {
		t.Errorf("a partition of 24 GiB is taken for a recipe that wants 100 GB: %v", err)
	}
}

// Of two recipes that are equally good the one comes first whose GPUs are free.
func TestFreeGPUsDecideBetweenEquals(t *testing.T) {
	one, other := tiny("one", ""), strings.Replace(tiny("other", ""), "MI300X", "MI325X", 1)
	box := fleet(group{1, "MI300X", mi300x}, group{1, "MI325X", mi325x})
	minor := 128
	for i := range box.Nodes {
		box.Nodes[i].GPUs[0].RenderMinor = &minor
	}
	top := func() string {
		l, err := tinyLadder(t, aim.DeploymentSpec{}, box, one, other)
		if err != nil {
			t.Fatal(err)
		}
		return l.Rungs[0].Recipe
	}
	if got := top(); got != "one" {
		t.Errorf("with both free, rung 1 is %s", got)
	}
	box.Nodes[0].Claims = []aim.Claim{{GPUs: []string{box.Nodes[0].GPUs[0].ID}}}
	if got := top(); got != "other" {
		t.Errorf("with MI300X held, rung 1 is %s", got)
	}
	box.Nodes[1].Cordon = "repairs"
	if got := top(); got != "one" {
		t.Errorf("with none free, rung 1 is %s", got)
	}
}
