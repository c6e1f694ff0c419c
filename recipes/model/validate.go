package model

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// validate checks a model file: every size and shape has a source and can be
// one. doc says where things stand.
func (m Model) validate(doc *yamlfile.Document) error {
	wrong := func(path []string, format string, args ...any) error {
		return aim.Failf(aim.ClassInput, "%s: %s", doc.At(path...), fmt.Sprintf(format, args...))
	}
	if err := (aim.DeploymentSpec{Model: m.ID}).Validate(); err != nil {
		return wrong([]string{"model_id"}, "%s", aim.FailureOf(err).Why)
	}
	for i, c := range m.Checkpoints {
		path := []string{"checkpoints", fmt.Sprint(i)}
		if c.Repo == "" {
			return wrong(path, "a checkpoint without a repo")
		}
		if c.Bytes > 0 && c.Source == "" {
			return wrong(append(path, "bytes"), "a size without a source")
		}
	}
	if m.Config != nil && m.ConfigSource == "" {
		return wrong([]string{"config"}, "fields of a config.json without a config_source")
	}
	if a := m.Architecture; a != nil {
		if a.Source == "" {
			return wrong([]string{"architecture"}, "an architecture without a source")
		}
		counts := a.counts()
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			if n := counts[name]; n < 0 || n > 1<<31 {
				return wrong([]string{"architecture", name}, "%s is %d", name, counts[name])
			}
		}
		if a.Local != nil && (a.Local.Layers > a.Layers || a.Local.Window < 1) {
			return wrong([]string{"architecture", "local"}, "local layers must be at most layers, with a window of at least 1")
		}
		if l := a.Linear; l != nil && (l.Layers > a.Layers || l.Layers < 1 || l.StateBytes == 0 || l.StateBytes > 1<<40) {
			return wrong([]string{"architecture", "linear"}, "linear layers must be from 1 to layers, with their state_bytes")
		}
		if a.Local != nil && a.Linear != nil && a.Local.Layers+a.Linear.Layers > a.Layers {
			return wrong([]string{"architecture"}, "local and linear layers are more than layers")
		}
	}
	return nil
}

// counts lists the sizes of a shape by field name.
func (a *Architecture) counts() map[string]int {
	return map[string]int{
		"layers": a.Layers, "hidden": a.Hidden, "heads": a.Heads, "kv_heads": a.KVHeads, "head_dim": a.HeadDim,
		"intermediate": a.Intermediate, "experts": a.Experts, "experts_per_token": a.ExpertsUsed,
		"expert_intermediate": a.ExpertWidth, "shared_experts": a.SharedExperts, "moe_every": a.MoEEvery,
		"dense_layers": a.DenseLayers, "dense_intermediate": a.DenseWidth, "mtp_layers": a.MTPLayers, "vocab": a.Vocab, "max_position": a.MaxPosition,
	}
}
