package recipes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/catalogue"
)

// The first form of model and recipe files loads, lists and plans as it is: a
// model that is described for people, a recipe that asks for code.
func TestTheFirstFormOfFiles(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"model.yaml", "recipe.yaml"} {
		path := filepath.Join("testdata", "seed", name)
		if _, err := catalogue.CheckFile(path); err != nil {
			t.Error(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = strings.ReplaceAll(string(data), "Qwen/Qwen3-32B", "acme/first")
	}
	c := load(t, folder(t, files))
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	l, err := c.Ladder(aim.DeploymentSpec{Model: "acme/first"}, aim.Fleet{})
	if err != nil {
		t.Fatal(err)
	}
	top := l.Rungs[0]
	if top.Recipe != "qwen3-32b-mi300x-bf16" || top.Memory.Terms["weights"] != 64e9 || !strings.Contains(strings.Join(top.Memory.Notes, ";"), "node.remote_code") {
		t.Errorf("rung 1 is %s with %v, notes %q", top.Recipe, top.Memory.Terms, top.Memory.Notes)
	}
}
