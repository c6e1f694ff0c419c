package importer

import (
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// aimProfile is a profile of AMD's AIM images, as far as a recipe has a place
// for it.
type aimProfile struct {
	AIM      string `yaml:"aim_id"`
	Model    string `yaml:"model_id"`
	Metadata struct {
		Engine     string `yaml:"engine"`
		GPU        string `yaml:"gpu"`
		GPUCount   int    `yaml:"gpu_count"`
		Precision  string `yaml:"precision"`
		Metric     string `yaml:"metric"`
		Type       string `yaml:"type"`
		ManualOnly bool   `yaml:"manual_selection_only"`
	} `yaml:"metadata"`
	EngineArgs map[string]any    `yaml:"engine_args"`
	Env        map[string]string `yaml:"env_vars"`
}

// importProfile makes one recipe: the profile's checkpoint, on its GPUs.
func importProfile(doc *yamlfile.Document) ([]Imported, error) {
	var p aimProfile
	if err := doc.Into(&p); err != nil {
		return nil, err
	}
	m := p.Metadata
	if p.Model == "" {
		return nil, doc.Wrong([]string{"model_id"}, "field \"model_id\" is missing: a general profile is for no model")
	}
	if m.GPUCount < 1 || strings.EqualFold(m.GPU, "NONE") || m.GPU == "" {
		return nil, doc.Wrong([]string{"metadata"}, "it is for no GPU (%q, %d), and AIM Engine serves on GPUs", m.GPU, m.GPUCount)
	}
	if !slices.Contains(aim.Backends(), m.Engine) {
		return nil, doc.Wrong([]string{"metadata", "engine"}, "engine %q is not known; the backends are %s", m.Engine, strings.Join(aim.Backends(), ", "))
	}
	r := recipe.Recipe{
		Model: p.Model, Hardware: recipe.Hardware{GPUType: strings.ToUpper(m.GPU), GPUCount: m.GPUCount},
		Precision: m.Precision, Backend: m.Engine, Metric: m.Metric, Maturity: m.Type, ManualOnly: m.ManualOnly,
	}
	if p.AIM != "" && p.AIM != p.Model {
		r.Model, r.Checkpoint = p.AIM, p.Model
	}
	b := newBuilder(doc, r)
	table, err := options.For(r.Backend, r.ServerVersion())
	if err != nil {
		return nil, doc.Wrong([]string{"metadata", "engine"}, "%v", err)
	}
	b.takeMap(table, p.EngineArgs)
	b.takeEnv(table, p.Env)
	var metrics []string
	if m.Metric != "" {
		metrics = []string{m.Metric}
	}
	return []Imported{b.finish(metrics)}, nil
}
