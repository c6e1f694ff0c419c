package recipes

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
)

// Imported is a recipe made from a file of somebody else's format.
type Imported struct {
	Recipe  Recipe
	Changes []string // what is different from the file, and why
}

// Import reads a profile of AMD's AIM images, or a model file of
// vllm-project/recipes, and makes recipes of it: one of a profile; of a model
// file one for each kind of AMD GPU and each variant that it has verified there.
// What the server version no longer takes is dropped or renamed, and what AIM
// Engine sets itself is left out; Changes lists all of it.
//
// Every recipe is valid. The error is a Failure of class input that names the
// place, or says that the file has neither format or nothing for AMD GPUs.
func Import(file string, data []byte) ([]Imported, error) {
	doc, err := loosely(file, data)
	if err != nil {
		return nil, err
	}
	var all []Imported
	switch {
	case doc.has("metadata") && (doc.has("engine_args") || doc.has("aim_id")):
		all, err = importProfile(doc)
	case doc.has("model") && doc.has("meta"):
		all, err = importModelFile(doc)
	case doc.has("recipe_id"):
		return nil, aim.Failf(aim.ClassInput, "%s: it is a recipe of AIM Engine already", doc.at("recipe_id")).
			WithHint("put it into a folder and name that with --recipes")
	default:
		return nil, aim.Failf(aim.ClassInput, "%s: it is neither a profile of AMD's AIM images (metadata, engine_args) nor a model file of vllm-project/recipes (meta, model)", doc.at())
	}
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if err := i.Recipe.Validate(); err != nil {
			return nil, aim.Failf(aim.ClassInput, "%s: what it says makes no recipe: %s", doc.at(), aim.FailureOf(err).Why)
		}
	}
	return all, nil
}

// loosely parses a foreign file: its format may have more fields than anybody
// here knows.
func loosely(file string, data []byte) (*document, error) {
	if len(data) > maxFile {
		return nil, aim.Failf(aim.ClassInput, "%s: it is larger than %d bytes", file, maxFile)
	}
	doc := &document{file: file, root: &yaml.Node{}}
	if err := yaml.Unmarshal(data, doc.root); err != nil {
		return nil, doc.syntaxError(err, data)
	}
	if len(doc.root.Content) == 0 || doc.root.Content[0].Kind != yaml.MappingNode {
		return nil, aim.Failf(aim.ClassInput, "%s:1:1: it is not a map of fields", file)
	}
	return doc, nil
}

// has tells whether the outermost map has a field.
func (d *document) has(name string) bool { return child(d.root.Content[0], name) != nil }

// into decodes the part of the file that the target has fields for.
func (d *document) into(target any) error {
	if err := d.root.Content[0].Decode(target); err != nil {
		return d.typeError(err, target)
	}
	return nil
}

// wrong makes the Failure of a bad field.
func (d *document) wrong(path []string, format string, args ...any) error {
	return aim.Failf(aim.ClassInput, "%s: %s", d.at(path...), fmt.Sprintf(format, args...))
}

// builder puts one imported recipe together.
type builder struct {
	doc     *document
	recipe  Recipe
	changes []string
	seen    map[string]bool // changes, each told once
	sets    []string        // settings that come from the file
}

func newBuilder(doc *document, r Recipe) *builder {
	r.doc = doc
	return &builder{doc: doc, recipe: r, seen: map[string]bool{}}
}

func (b *builder) note(format string, args ...any) {
	change := fmt.Sprintf(format, args...)
	if !b.seen[change] {
		b.seen[change] = true
		b.changes = append(b.changes, change)
	}
}

var notID = regexp.MustCompile(`[^a-z0-9._-]+`)

// finish names the recipe by what it is for, and says where it comes from.
func (b *builder) finish(metrics []string) Imported {
	r := &b.recipe
	r.ID = fmt.Sprintf("%s-%dx%s-%s", lastElement(r.Model), r.Hardware.GPUCount, r.Hardware.GPUType, r.Precision)
	if r.Backend != aim.Backends()[0] {
		r.ID += "-" + r.Backend
	}
	if r.Metric != "" {
		r.ID += "-" + r.Metric
	}
	r.ID = strings.Trim(notID.ReplaceAllString(strings.ToLower(r.ID), "-"), "-._")
	slices.Sort(b.sets)
	r.Evidence = []Evidence{{
		Source: "imported from " + filepath.Base(b.doc.file), Maturity: r.Maturity, Metrics: metrics, Sets: slices.Compact(b.sets),
	}}
	return Imported{Recipe: b.recipe, Changes: b.changes}
}
