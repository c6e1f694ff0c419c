package importer

import (
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// importProfile makes one recipe: the profile's checkpoint, on its GPUs.
func importProfile(doc *yamlfile.Document) (Result, error) {
	root, err := readTree(doc)
	if err != nil {
		return Result{}, err
	}
	m := root.at("metadata")
	model, name := root.at("model_id").text(), root.at("aim_id").text()
	gpu, count, engine := m.at("gpu").text(), m.at("gpu_count").number(), m.at("engine").text()
	switch {
	case model == "":
		return Result{}, doc.Wrong([]string{"model_id"}, "field \"model_id\" is missing: a general profile is for no model")
	case count < 1 || strings.EqualFold(gpu, "NONE") || gpu == "":
		return Result{}, doc.Wrong([]string{"metadata"}, "it is for no GPU (%q, %g), and AIM Engine serves on GPUs", gpu, count)
	case !slices.Contains(aim.Backends(), engine):
		return Result{}, doc.Wrong([]string{"metadata", "engine"}, "engine %q is not known; the backends are %s", engine, strings.Join(aim.Backends(), ", "))
	}
	r := recipe.Recipe{
		Model: model, Hardware: recipe.Hardware{GPUType: strings.ToUpper(gpu), GPUCount: int(count)},
		Precision: m.at("precision").text(), Backend: engine, Metric: m.at("metric").text(), Maturity: m.at("type").text(),
		ManualOnly: m.at("manual_selection_only").flag(),
	}
	if name != "" && name != model {
		r.Model, r.Checkpoint = name, model
	}
	b := newBuilder(doc, r)
	b.words()
	table, err := options.For(r.Backend, r.ServerVersion())
	if err != nil {
		return Result{}, doc.Wrong([]string{"metadata", "engine"}, "%v", err)
	}
	b.takeMap(table, root.at("engine_args").fields())
	b.takeEnv(table, root.at("env_vars").env())
	var metrics []string
	if b.recipe.Metric != "" {
		metrics = []string{b.recipe.Metric}
	}
	made := b.finish(metrics)
	if err := made.Recipe.Validate(); err != nil {
		return Result{}, aim.Failf(aim.ClassInput, "%s: what it says makes no recipe: %s", doc.At(), aim.FailureOf(err).Why)
	}
	return Result{Recipes: []Imported{made}, Left: root.lost.all}, nil
}

// words leaves out words of other people that are none of ours, where a recipe
// can do without.
func (b *builder) words() {
	if r := &b.recipe; r.Metric != "" && !slices.Contains(aim.Metrics(), r.Metric) {
		b.note("metric %q is left out: it is none of %s", r.Metric, strings.Join(aim.Metrics(), ", "))
		r.Metric = ""
	}
	if r := &b.recipe; r.Maturity != "" && !slices.Contains(recipe.Maturities(), r.Maturity) {
		b.note("type %q is left out: it is none of %s", r.Maturity, strings.Join(recipe.Maturities(), ", "))
		r.Maturity = ""
	}
}
