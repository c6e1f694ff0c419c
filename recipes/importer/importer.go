package importer

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
	"github.com/aim-engine/aim/recipes/recipe"
)

// Imported is a recipe made from a file of somebody else's format.
type Imported struct {
	Recipe  recipe.Recipe
	Changes []string // what is different from the file, and why
}

// Result is what a file gives.
type Result struct {
	Recipes []Imported
	Left    []string // what of the file goes for no recipe, and why
}

// Import reads a profile of AMD's AIM images, or a model file of
// vllm-project/recipes, and makes recipes of it: one of a profile; of a model
// file one for each kind of AMD GPU and each variant that it has verified there.
// A value of another shape than expected is used where it can be. What the
// server version no longer takes is dropped or renamed, and what AIM Engine sets
// itself is left out; Changes and Left list all of it.
//
// Every recipe is valid. The error is a Failure of class input that names the
// place, or says that the file has neither format or nothing for AMD GPUs.
func Import(file string, data []byte) (Result, error) {
	doc, err := yamlfile.Loosely(file, data)
	if err != nil {
		return Result{}, err
	}
	switch {
	case doc.Has("metadata") && (doc.Has("engine_args") || doc.Has("aim_id")):
		return importProfile(doc)
	case doc.Has("model") && doc.Has("meta"):
		return importModelFile(doc)
	case doc.Has("recipe_id"):
		return Result{}, aim.Failf(aim.ClassInput, "%s: it is a recipe of AIM Engine already", doc.At("recipe_id")).
			WithHint("put it into a folder and name that with --recipes")
	}
	return Result{}, aim.Failf(aim.ClassInput, "%s: it is neither a profile of AMD's AIM images (metadata, engine_args) nor a model file of vllm-project/recipes (meta, model)", doc.At())
}

// builder puts one imported recipe together.
type builder struct {
	doc     *yamlfile.Document
	recipe  recipe.Recipe
	changes []string
	seen    map[string]bool // changes, each told once
	sets    []string        // settings that come from the file
}

func newBuilder(doc *yamlfile.Document, r recipe.Recipe) *builder {
	return &builder{doc: doc, recipe: r.In(doc), seen: map[string]bool{}}
}

func (b *builder) note(format string, args ...any) {
	change := fmt.Sprintf(format, args...)
	if !b.seen[change] {
		b.seen[change] = true
		b.changes = append(b.changes, change)
	}
}

var notID = aim.Pattern(`[^a-z0-9._-]+`)

// finish names the recipe by what it is for, and says where it comes from.
func (b *builder) finish(metrics []string) Imported {
	r := &b.recipe
	r.ID = fmt.Sprintf("%s-%dx%s-%s", path.Base(r.Model), r.Hardware.GPUCount, r.Hardware.GPUType, r.Precision)
	if r.Backend != aim.Backends()[0] {
		r.ID += "-" + r.Backend
	}
	if r.Metric != "" {
		r.ID += "-" + r.Metric
	}
	r.ID = strings.Trim(notID().ReplaceAllString(strings.ToLower(r.ID), "-"), "-._")
	slices.Sort(b.sets)
	r.Evidence = []recipe.Evidence{{
		Source: "imported from " + filepath.Base(b.doc.File), Maturity: r.Maturity, Metrics: metrics, Sets: slices.Compact(b.sets),
	}}
	return Imported{Recipe: b.recipe, Changes: b.changes}
}
