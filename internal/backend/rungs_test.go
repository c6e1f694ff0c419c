package backend_test

import (
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/backend/sglang"
	"github.com/aim-engine/aim/internal/backend/tgi"
	"github.com/aim-engine/aim/internal/backend/vllm"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/options"
)

var backends = map[string]node.Backend{"vllm": vllm.New(), "sglang": sglang.New(), "tgi": tgi.New()}

func TestEveryBackendIsHere(t *testing.T) {
	for _, name := range aim.Backends() {
		if b := backends[name]; b == nil || b.Name() != name {
			t.Errorf("backend %s is %v", name, b)
		}
	}
}

// Every rung of every ladder of the built-in catalogue, for the backend of its
// recipes and for every other, renders to a command line that the server's own
// parser rules accept.
func TestEveryBuiltInRungRenders(t *testing.T) {
	catalogue, err := recipes.Load()
	if err != nil {
		t.Fatal(err)
	}
	rendered := map[string]int{}
	for _, model := range catalogue.Models() {
		if len(catalogue.RecipesOf(model)) == 0 {
			continue
		}
		for _, asked := range append(aim.Backends(), "") {
			ladder, err := catalogue.Ladder(aim.DeploymentSpec{Model: model, Backend: asked}, aim.Fleet{})
			if err != nil {
				if asked == "" || asked == "vllm" {
					t.Errorf("%s: %v", model, err)
				}
				continue // a model for a task that the backend has not, or whose length it cannot find
			}
			for _, r := range ladder.Rungs {
				if renders(t, model, r) {
					rendered[r.Backend]++
				}
			}
		}
	}
	if rendered["vllm"] < 200 || rendered["sglang"] < 100 || rendered["tgi"] < 50 {
		t.Errorf("only %v rungs were rendered", rendered)
	}
}

func renders(t *testing.T, model string, r aim.Rung) bool {
	t.Helper()
	args, _, err := backends[r.Backend].Args(r, "0.0.0.0", 8000)
	if err != nil {
		t.Errorf("%s rung %d: %v", model, r.Number, err)
		return false
	}
	table, err := options.For(r.Backend, r.Version)
	if err != nil {
		t.Error(err)
		return false
	}
	if r.Backend == "vllm" {
		args = args[1:] // the model
	}
	if _, err := table.Parse(args); err != nil {
		t.Errorf("%s rung %d: the server would refuse %v: %v", model, r.Number, args, err)
		return false
	}
	return true
}
