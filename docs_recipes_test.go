package aim_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
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
	s := schemas{comments: commentsOf(t, "recipes/recipe/recipe.go", "recipes/model/model.go"), t: t}
	for _, f := range []struct {
		name, title, glob string
		of                reflect.Type
		required          []string
	}{
		{"recipe", "A recipe of AIM Engine", "recipes/catalogue/recipes/*.yaml", reflect.TypeFor[recipe.Recipe](), []string{"recipe_id", "model_id", "hardware", "precision", "backend"}},
		{"model", "A model file of AIM Engine", "recipes/catalogue/models/*.yaml", reflect.TypeFor[model.Model](), []string{"model_id"}},
	} {
		schema := s.object(f.of)
		schema["$schema"], schema["title"], schema["required"] = "http://json-schema.org/draft-07/schema#", f.title, f.required
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(schema); err != nil {
			t.Fatal(err)
		}
		page(t, "docs/"+f.name+".schema.json", b.String())
		var published map[string]any
		if err := json.Unmarshal(b.Bytes(), &published); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(f.glob)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", f.glob, len(files), err)
		}
		for _, file := range files {
			var value any
			if err := yaml.Unmarshal([]byte(read(t, file)), &value); err != nil {
				t.Fatal(err)
			}
			for _, problem := range violations(published, value, "") {
				t.Errorf("%s: %s", file, problem)
			}
		}
		for _, bad := range []any{map[string]any{}, map[string]any{"model_id": 3}, map[string]any{"model_id": "a/b", "recipe_id": "x", "hardwrae": 1}, []any{}} {
			if len(violations(published, bad, "")) == 0 {
				t.Errorf("the schema of a %s takes %v", f.name, bad)
			}
		}
	}
}

// schemas makes JSON Schemas of Go types.
type schemas struct {
	t        *testing.T
	comments map[string]string // "Type.Field" -> its comment
}

// words are the fields that hold one of a list.
var words = map[string][]string{
	"Recipe.Precision": aim.Precisions(), "Patch.Precision": aim.Precisions(), "Recipe.Backend": aim.Backends(), "Recipe.Metric": aim.Metrics(),
	"Recipe.Task": recipe.Tasks(), "Recipe.Maturity": recipe.Maturities(), "Evidence.Maturity": recipe.Maturities(), "Evidence.Metrics": aim.Metrics(),
}

func (s schemas) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "" {
			continue
		}
		key := t.Name() + "." + f.Name
		schema := s.of(f.Type, words[key])
		if text := s.comments[key]; text != "" {
			schema["description"] = text
		}
		properties[name] = schema
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

func (s schemas) of(t reflect.Type, words []string) map[string]any {
	switch {
	case t == reflect.TypeFor[recipe.Size]():
		return map[string]any{"type": []string{"number", "string"}}
	case t == reflect.TypeFor[aim.FailureClass]():
		var classes []string
		for _, c := range aim.Classes() {
			if c.Rule().Next != aim.NextStop {
				classes = append(classes, string(c))
			}
		}
		slices.Sort(classes)
		return map[string]any{"type": "string", "enum": classes}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), words)
	case reflect.Struct:
		return s.object(t)
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem(), words)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem(), nil)}
	case reflect.Interface:
		return map[string]any{}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.String:
		if words != nil {
			return map[string]any{"type": "string", "enum": words}
		}
		return map[string]any{"type": "string"}
	}
	s.t.Fatalf("nobody has said how a %s is written in a schema", t)
	return nil
}

// commentsOf reads what the source says of each field.
func commentsOf(t *testing.T, files ...string) map[string]string {
	t.Helper()
	comments := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range fields.Fields.List {
				for _, name := range f.Names {
					comments[spec.Name.Name+"."+name.Name] = strings.TrimSpace(strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " "))
				}
			}
			return true
		})
	}
	return comments
}

// violations checks a value against the parts of JSON Schema that ours use.
func violations(schema map[string]any, value any, at string) (all []string) {
	if !ofType(schema["type"], value) {
		return []string{fmt.Sprintf("%s is %v, not %v", at, value, schema["type"])}
	}
	if allowed, ok := schema["enum"].([]any); ok && !slices.Contains(allowed, value) {
		all = append(all, fmt.Sprintf("%s is %v, none of %v", at, value, allowed))
	}
	switch v := value.(type) {
	case []any:
		items, _ := schema["items"].(map[string]any) // nil takes anything
		for i, element := range v {
			all = append(all, violations(items, element, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		rest, open := schema["additionalProperties"].(map[string]any)
		for name, element := range v {
			inner, known := properties[name].(map[string]any)
			switch {
			case known:
				all = append(all, violations(inner, element, at+"."+name)...)
			case open:
				all = append(all, violations(rest, element, at+"."+name)...)
			case schema["additionalProperties"] == false:
				all = append(all, fmt.Sprintf("%s.%s is not known", at, name))
			}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				all = append(all, fmt.Sprintf("%s.%s is missing", at, name))
			}
		}
	}
	return all
}

// ofType tells whether a value has one of the types; nil is any type.
func ofType(types, value any) bool {
	names, ok := types.([]any)
	if !ok {
		names = []any{types}
	}
	return types == nil || slices.ContainsFunc(names, func(name any) bool {
		switch value.(type) {
		case string:
			return name == "string"
		case bool:
			return name == "boolean"
		case int, uint64:
			return name == "integer" || name == "number"
		case float64:
			return name == "number"
		case []any:
			return name == "array"
		case map[string]any:
			return name == "object"
		}
		return false
	})
}

// What the documents let a node allow, and what every built-in recipe asks of
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
