package recipes_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
)

// boxes are one machine of each kind that there are recipes for.
var boxes = map[string]aim.Fleet{
	"MI300X": fleet(group{8, "MI300X", mi300x}),
	"MI325X": fleet(group{8, "MI325X", mi325x}),
	"MI355X": fleet(group{8, "MI355X", mi355x}),
}

// typesOf is the GPU type of every embedded recipe, by model and id.
func typesOf(t *testing.T, c *recipes.Catalogue) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, id := range c.Recipes() {
		r, err := c.Recipe(id)
		if err != nil {
			t.Fatal(err)
		}
		if boxes[r.Hardware.GPUType].Nodes == nil {
			t.Fatalf("%s is for %s, which no test has a machine of", id, r.Hardware.GPUType)
		}
		if all[r.Model] == nil {
			all[r.Model] = map[string]string{}
		}
		all[r.Model][id] = r.Hardware.GPUType
	}
	return all
}

// On a machine of a kind that the model has recipes for, one of them comes first.
func TestTheFleetsOwnTypeComesFirst(t *testing.T) {
	c := load(t)
	covered := map[string]int{}
	for model, types := range typesOf(t, c) {
		own := map[string]bool{}
		for _, gpuType := range types {
			own[gpuType] = true
		}
		for gpuType := range own {
			l, err := c.Ladder(aim.DeploymentSpec{Model: model}, boxes[gpuType])
			if err != nil {
				t.Errorf("%s on %s: %v", model, gpuType, err)
				continue
			}
			covered[gpuType]++
			if top := l.Rungs[0]; types[top.Recipe] != gpuType || top.GPUType != gpuType {
				t.Errorf("%s on %s: rung 1 is %s on %s", model, gpuType, top.Recipe, top.GPUType)
			}
		}
	}
	for gpuType, least := range map[string]int{"MI300X": 26, "MI325X": 18, "MI355X": 21} {
		if covered[gpuType] < least {
			t.Errorf("%d models have recipes for %s, want at least %d", covered[gpuType], gpuType, least)
		}
	}
}

// Recipes for other types change nothing about what MI300X machines run, nor
// about what is assumed while no GPU has been reported: the ladders are those
// of a catalogue that has no other recipes.
func TestOtherTypesLeaveMI300XAlone(t *testing.T) {
	c := load(t)
	types, hidden := typesOf(t, c), map[string]string{}
	for _, ids := range types {
		for id, gpuType := range ids {
			if gpuType != "MI300X" { // a recipe of the same id hides it
				hidden[id+".yaml"] = fmt.Sprintf("recipe_id: %s\nmodel_id: acme/elsewhere\nhardware: {gpu_type: %s, gpu_count: 1}\nprecision: bf16\nbackend: vllm\n", id, gpuType)
			}
		}
	}
	alone := load(t, folder(t, hidden))
	for model := range types {
		kept := alone.RecipesOf(model)
		if len(kept) == 0 {
			continue // it has none for MI300X
		}
		if i := slices.IndexFunc(kept, func(id string) bool { return types[model][id] != "MI300X" }); i >= 0 {
			t.Fatalf("%s is not hidden", kept[i])
		}
		for name, f := range map[string]aim.Fleet{"one machine": boxes["MI300X"], "nothing reported": {}} {
			for _, spec := range []aim.DeploymentSpec{{Model: model}, {Model: model, GPUs: 4}, {Model: model, Precision: "fp8"}, {Model: model, Metric: "latency"}} {
				got, errGot := c.Ladder(spec, f)
				want, errWant := alone.Ladder(spec, f)
				if (errGot == nil) != (errWant == nil) || !reflect.DeepEqual(got.Rungs, want.Rungs) {
					t.Errorf("%s, %+v: the ladder has %v (%v), without other types' recipes %v (%v)", name, spec, names(got), errGot, names(want), errWant)
				}
			}
		}
	}
}

// What only another type runs is offered while no GPU has been reported, too.
func TestAssumedType(t *testing.T) {
	c := load(t)
	for name, spec := range map[string]aim.DeploymentSpec{
		"DeepSeek-V4 has no other": {Model: "deepseek-ai/DeepSeek-V4-Pro"},
		"a wish of precision":      {Model: "moonshotai/Kimi-K2.5", Precision: "mxfp4"},
		"a wish of type":           {Model: llama70, GPUType: "MI355X"},
		"by its id":                {Model: llama70, Recipe: "llama-3.3-70b-instruct-1xmi355x-bf16"},
	} {
		l, err := c.Ladder(spec, aim.Fleet{})
		if err != nil || l.Rungs[0].GPUType != "MI355X" {
			t.Errorf("%s: %v, %v", name, names(l), err)
		}
	}
}

// MI350X stands beside MI355X: the same architecture and memory.
func TestMI350XRunsWhatMI355XRuns(t *testing.T) {
	f := fleet(group{8, "MI350X", mi355x})
	for i := range f.Nodes[0].GPUs {
		f.Nodes[0].GPUs[i].Arch = "gfx950"
	}
	l, err := load(t).Ladder(aim.DeploymentSpec{Model: gptOSS}, f)
	if err != nil || l.Rungs[0].Recipe != "gpt-oss-120b-1xmi355x-mxfp4" || l.Rungs[0].GPUType != "MI350X" {
		t.Errorf("%v, %v", names(l), err)
	}
}

// names are the recipes of a ladder's rungs.
func names(l aim.Ladder) []string {
	var all []string
	for _, r := range l.Rungs {
		all = append(all, fmt.Sprintf("%s on %d %s", r.Recipe, r.GPUs, r.GPUType))
	}
	return all
}
