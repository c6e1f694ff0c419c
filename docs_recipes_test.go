package aim_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/schema"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
	"github.com/invopop/jsonschema"
)

// docs/catalogue.md is the catalogue in the binary: a row a recipe.
func TestDocsCatalogue(t *testing.T) {
	c, err := recipes.Load()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.All("")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, catalogueIntro, len(all), len(c.Models()))
	slices.SortStableFunc(all, func(x, y recipe.Recipe) int { return cmp.Compare(strings.ToLower(x.Model), strings.ToLower(y.Model)) })
	model := ""
	for _, r := range all {
		if r.Model != model {
			model = r.Model
			fmt.Fprintf(&b, "\n## %s\n\n| recipe | GPUs | precision | backend | metric | context | published by |\n|---|---|---|---|---|---|---|\n", model)
		}
		l, err := c.Ladder(aim.DeploymentSpec{Model: r.Model, Recipe: r.ID}, aim.Fleet{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| [%s](../recipes/catalogue/recipes/%s.yaml) | %d %s | %s | %s %s | %s | %s | %s |\n", r.ID, r.ID, r.Hardware.GPUCount, r.Hardware.GPUType,
			r.Precision, r.Backend, l.Rungs[0].Version, cmp.Or(r.Metric, "any"), contextOf(l.Rungs[0]), publishers(r))
	}
	page(t, "docs/catalogue.md", b.String())
}

const catalogueIntro = `# The catalogue

The %d recipes in the binary. Every setting of a recipe stands in one of the sources that it names; what a source says of how sure
it is stands behind its name. %d models are known; those without a recipe here are run by their shape, and any other model by its
config.json (docs/recipes.md). ` + "`aim plan MODEL`" + ` tells which recipe a fleet would run, and why not another.

This page is generated from recipes/ by ` + "`make fmt`" + `.
`

// contextOf is the longest context that the recipe is run with.
func contextOf(r aim.Rung) string {
	for _, o := range r.Options {
		if slices.Contains([]string{"max-model-len", "context-length", "max-total-tokens"}, o.Name) {
			return o.Value
		}
	}
	return "the model's own"
}

// publishers names the sources, with their own word for how sure they are. One
// that is a GitHub repository is linked.
func publishers(r recipe.Recipe) string {
	var all []string
	for _, e := range r.Evidence {
		name, _, _ := strings.Cut(e.Source, " ")
		if strings.Count(name, "/") == 1 {
			name = fmt.Sprintf("[%s](https://github.com/%s)", name, name)
		}
		if e.Maturity != "" {
			name += " (" + e.Maturity + ")"
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}

// docs/recipe.schema.json and docs/model.schema.json are the Go types that the
// files are read into, for editors.
func TestDocsSchema(t *testing.T) {
	m := schemaMaker(t, "recipes/recipe", "recipes/model")
	m.Words = map[string][]string{
		"recipe.Recipe.precision": aim.Precisions(), "recipe.Patch.precision": aim.Precisions(), "recipe.Recipe.backend": aim.Backends(),
		"recipe.Recipe.metric": aim.Metrics(), "recipe.Recipe.task": recipe.Tasks(), "recipe.Recipe.maturity": recipe.Maturities(),
		"recipe.Evidence.maturity": recipe.Maturities(), "recipe.Evidence.metrics": aim.Metrics(),
	}
	m.Types = map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[recipe.Size]():      {AnyOf: []*jsonschema.Schema{{Type: "number"}, {Type: "string"}}},
		reflect.TypeFor[aim.FailureClass](): {Type: "string", Enum: curable()},
	}
	for _, f := range []struct {
		name, title, glob string
		of                reflect.Type
		required          []string
	}{
		{"recipe", "A recipe of AIM Engine", "recipes/catalogue/recipes/*.yaml", reflect.TypeFor[recipe.Recipe](), []string{"recipe_id", "model_id", "hardware", "precision", "backend"}},
		{"model", "A model file of AIM Engine", "recipes/catalogue/models/*.yaml", reflect.TypeFor[model.Model](), []string{"model_id"}},
	} {
		s := m.Of(f.of, "yaml")
		s.Title = f.title
		for name, d := range s.Definitions {
			d.Required = nil
			if s.Ref == "#/$defs/"+name {
				d.Required = f.required
			}
		}
		check := publish(t, "docs/"+f.name+".schema.json", s)
		files, err := filepath.Glob(f.glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", f.glob, len(files), err)
		}
		for _, file := range files {
			var value any
			if err := yaml.Unmarshal([]byte(read(t, file)), &value); err != nil {
				t.Fatal(err)
			}
			if err := check.Value(value); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		for _, bad := range []any{map[string]any{}, map[string]any{"model_id": 3}, map[string]any{"model_id": "a/b", "recipe_id": "x", "hardwrae": 1}, []any{}} {
			if check.Value(bad) == nil {
				t.Errorf("the schema of a %s takes %v", f.name, bad)
			}
		}
	}
}

// curable are the classes that a recipe may have a patch for.
func curable() (all []any) {
	classes := aim.Classes()
	slices.Sort(classes)
	for _, c := range classes {
		if c.Rule().Next != aim.NextStop {
			all = append(all, string(c))
		}
	}
	return all
}

func schemaMaker(t *testing.T, folders ...string) *schema.Maker {
	t.Helper()
	m, err := schema.Read(folders...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// publish compares a schema with the one in docs/, or writes it.
func publish(t *testing.T, path string, s *jsonschema.Schema) schema.Checker {
	t.Helper()
	text, err := schema.Text(s)
	if err != nil {
		t.Fatal(err)
	}
	page(t, path, string(text))
	check, err := schema.NewChecker(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return check
}

// it: both ends of the rules of package container.
func TestBuiltInRecipesRunOnTheDocumentedNode(t *testing.T) {
	text, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var file struct{ Node struct{ Registries []string } }
	if err := yaml.Unmarshal([]byte(example), &file); err != nil || len(file.Node.Registries) == 0 {
		t.Fatalf("the example has no registries: %v", err)
	}
	c, err := recipes.Load()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.All("")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		l, err := c.Ladder(aim.DeploymentSpec{Model: r.Model, Recipe: r.ID}, aim.Fleet{})
		if err != nil {
			t.Fatal(err)
		}
		for _, rung := range l.Rungs {
			if err := container.CheckImage(rung.Image, file.Node.Registries); err != nil {
				t.Errorf("recipe %s, rung %d: %v", r.ID, rung.Number, err)
			}
			if err := container.CheckGiven(rung.Backend, rung.Env, nil, nil); err != nil {
				t.Errorf("recipe %s, rung %d: %v", r.ID, rung.Number, err)
			}
		}
	}
}
