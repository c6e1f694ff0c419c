package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// derivedCounts are the GPU counts that are tried: what 8-GPU machines are
// usually divided into.
var derivedCounts = []int{1, 2, 4, 8}

// Knows tells whether Ladder can answer for the model by what the catalogue
// has: recipes, or the shape of a published checkpoint. For any other model
// LadderFrom needs the model's own description.
func (m *Maker) Knows(model string) bool {
	err := m.known(model).err
	return err == nil || aim.FailureOf(err).Class != aim.ClassNoRecipe
}

// LadderFrom is Ladder for a model that the catalogue does not know, from the
// model's own config.json: for each kind of GPU in the fleet and each number of
// them that divides the model there is a candidate, and the first rung is the
// smallest one that has room for the asked context. Parsers of tool calls and
// reasoning are not known, so none is set.
//
// The error is a Failure: of class input for a config.json that makes no sense,
// no_recipe for a kind of model that cannot be served or counted, or fits
// nowhere, and quant for weights that AMD GPUs do not run.
func (m *Maker) LadderFrom(spec aim.DeploymentSpec, fleet aim.Fleet, d model.Description) (aim.Ladder, error) {
	s, err := m.derive(spec, fleet, d, 1)
	if err != nil {
		return aim.Ladder{}, err
	}
	return s.ladder()
}

// derive sorts the candidates of a described model.
func (m *Maker) derive(spec aim.DeploymentSpec, fleet aim.Fleet, d model.Description, stages int) (*selection, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if spec.Recipe != "" {
		_, err := m.named(spec.Recipe, &known{target: target{asked: spec.Model}})
		return nil, err
	}
	d.Model = spec.Model
	described, t, err := model.ReadConfig(d)
	if err != nil {
		return nil, err
	}
	if err := refuse(t, spec.Model); err != nil {
		return nil, err
	}
	s := m.newSelection(shared(spec), fleet, target{asked: spec.Model, model: described, traits: &t})
	s.stages = stages
	s.considerAll(s.derived(t))
	return s, nil
}

// refuse tells what no number of GPUs mends.
func refuse(t model.Traits, name string) error {
	switch {
	case slices.Contains(model.NotOnAMD, t.Quant.Method):
		return aim.Failf(aim.ClassQuant, "%s is quantized by %q, which does not run on AMD GPUs", name, t.Quant.Method).
			WithHint("deploy the unquantized model, or one in FP8, AWQ or GPTQ")
	case t.Quant.Method != "" && t.Quant.Precision == "" && !t.Sized:
		return aim.Failf(aim.ClassNoRecipe, "%s is quantized by %q (%s), whose size per weight is not known, and neither is that of its files", name, t.Quant.Method, cmp.Or(t.Quant.Name, "it names no format")).
			WithHint("give a folder with model.safetensors.index.json, or write a recipe for it: aim recipe validate --help")
	}
	return nil
}

// traitsOfModel are those of a catalogued model that no recipe runs, from the
// checkpoint of its own name; ok is false where it has none of known precision.
func traitsOfModel(m model.Model) (t model.Traits, ok bool) {
	for _, cp := range m.Checkpoints {
		word, _, _ := strings.Cut(cp.Format, " ")
		if cp.Repo == m.ID && slices.Contains(aim.Precisions(), word) {
			return model.Traits{Precision: word, Dtype: model.Dtypes["bf16"], Task: "generate", From: "its shape in the catalogue"}, m.Shape.Complete()
		}
	}
	return model.Traits{}, false
}

// considerOtherTypes derives recipes for kinds of GPU that the model's own
// recipes say nothing about, as far as its shape is known.
func (s *selection) considerOtherTypes(all []*entry) {
	t, ok := traitsOfModel(s.target.model)
	if !ok || s.target.repo != "" {
		return
	}
	types := slices.DeleteFunc(s.derivedTypes(), func(gpuType string) bool {
		return slices.ContainsFunc(all, func(r *entry) bool { return s.standsFor(r.Hardware.GPUType, gpuType) })
	})
	s.considerAll(s.derivedOn(types, t))
}

// derived makes the recipes that nobody has written.
func (s *selection) derived(t model.Traits) []*entry { return s.derivedOn(s.derivedTypes(), t) }

func (s *selection) derivedOn(types []string, t model.Traits) []*entry {
	var all []*entry
	for _, gpuType := range types {
		counts := derivedCounts
		if s.spec.GPUs > 0 {
			counts = []int{s.spec.GPUs}
		}
		for _, n := range counts {
			all = append(all, s.derivedRecipe(t, gpuType, n))
		}
	}
	return all
}

// derivedTypes are the GPU types to try.
func (s *selection) derivedTypes() []string {
	if s.spec.GPUType != "" {
		return []string{s.spec.GPUType}
	}
	if s.hardware.assumed {
		return []string{assumedType}
	}
	var types []string
	for _, o := range s.hardware.offers {
		if !slices.Contains(types, o.gpuType) {
			types = append(types, o.gpuType)
		}
	}
	return types
}

func (s *selection) derivedRecipe(t model.Traits, gpuType string, n int) *entry {
	r := &recipe.Recipe{
		ID:    fmt.Sprintf("%s-%dx%s-%s-derived", aim.NameOf(s.target.asked), n, strings.ToLower(gpuType), t.Precision),
		Model: s.target.model.ID, Hardware: recipe.Hardware{GPUType: gpuType, GPUCount: n},
		Precision: t.Precision, Backend: aim.Backends()[0], Task: t.Task,
		Config: map[string]any{"dtype": t.Dtype},
	}
	if t.RemoteCode {
		r.Config["trust_remote_code"] = true
	}
	return &entry{Recipe: r, derived: t.From}
}
