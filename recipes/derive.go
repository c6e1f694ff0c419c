package recipes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// derivedCounts are the GPU counts that are tried: what 8-GPU machines are
// usually divided into.
var derivedCounts = []int{1, 2, 4, 8}

// Knows tells whether Ladder can answer for the model by what the catalogue
// has: recipes, or the shape of a published checkpoint. For any other model
// LadderFrom needs the model's own description.
func (c *Catalogue) Knows(model string) bool {
	err := c.known(model).err
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
// nowhere, remote_code for one that needs code of its own where the operator
// does not allow it, and quant for weights that AMD GPUs do not run.
func (c *Catalogue) LadderFrom(spec aim.DeploymentSpec, fleet aim.Fleet, d Description) (aim.Ladder, error) {
	s, err := c.derive(spec, fleet, d, 1)
	if err != nil {
		return aim.Ladder{}, err
	}
	return s.ladder()
}

// derive sorts the candidates of a described model.
func (c *Catalogue) derive(spec aim.DeploymentSpec, fleet aim.Fleet, d Description, stages int) (*selection, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if spec.Recipe != "" {
		_, err := c.named(spec.Recipe, known{target: target{asked: spec.Model}})
		return nil, err
	}
	d.Model = spec.Model
	model, t, err := readConfig(d)
	if err != nil {
		return nil, err
	}
	if err := t.refuse(spec.Model, c.allowed); err != nil {
		return nil, err
	}
	s := c.newSelection(shared(spec), fleet, target{asked: spec.Model, model: model, traits: &t})
	s.stages = stages
	s.considerAll(s.derived(t))
	return s, nil
}

// refuse tells what no number of GPUs mends.
func (t traits) refuse(model string, allowed []string) error {
	switch {
	case t.remoteCode && !slices.Contains(allowed, remoteCode):
		return aim.Failf(aim.ClassRemoteCode, "%s runs code from its own repository (auto_map in its config.json), which is not allowed here", model).
			WithHint("look at that code; a recipe for the model may still name a server version that has its own implementation")
	case slices.Contains(notOnAMD, t.quant.method):
		return aim.Failf(aim.ClassQuant, "%s is quantized by %q, which does not run on AMD GPUs", model, t.quant.method).
			WithHint("deploy the unquantized model, or one in FP8, AWQ or GPTQ")
	case t.quant.method != "" && t.quant.precision == "":
		return aim.Failf(aim.ClassNoRecipe, "%s is quantized by %q, whose size per weight is not known", model, t.quant.method).
			WithHint("write a recipe for it: aim recipe validate --help")
	}
	return nil
}

const remoteCode = "trust-remote-code"

// traitsOfModel are those of a catalogued model that no recipe runs, from the
// checkpoint of its own name; ok is false where it has none of known precision.
func traitsOfModel(m Model) (t traits, ok bool) {
	for _, cp := range m.Checkpoints {
		word, _, _ := strings.Cut(cp.Format, " ")
		if cp.Repo == m.ID && slices.Contains(aim.Precisions(), word) {
			return traits{precision: word, dtype: dtypes["bf16"], task: "generate", from: "its shape in the catalogue"}, m.Architecture.complete()
		}
	}
	return traits{}, false
}

// considerOtherTypes derives recipes for kinds of GPU that the model's own
// recipes say nothing about, as far as its shape is known.
func (s *selection) considerOtherTypes(all []Recipe) {
	t, ok := traitsOfModel(s.target.model)
	if !ok || s.target.repo != "" {
		return
	}
	types := slices.DeleteFunc(s.derivedTypes(), func(gpuType string) bool {
		return slices.ContainsFunc(all, func(r Recipe) bool { return s.standsFor(r.Hardware.GPUType, gpuType) })
	})
	s.considerAll(s.derivedOn(types, t))
}

// derived makes the recipes that nobody has written.
func (s *selection) derived(t traits) []Recipe { return s.derivedOn(s.derivedTypes(), t) }

func (s *selection) derivedOn(types []string, t traits) []Recipe {
	var all []Recipe
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

func (s *selection) derivedRecipe(t traits, gpuType string, n int) Recipe {
	r := Recipe{
		ID:    fmt.Sprintf("%s-%dx%s-%s-derived", aim.NameOf(s.target.asked), n, strings.ToLower(gpuType), t.precision),
		Model: s.target.model.ID, Hardware: Hardware{GPUType: gpuType, GPUCount: n},
		Precision: t.precision, Backend: aim.Backends()[0], Task: t.task, derived: t.from,
		Config: map[string]any{"dtype": t.dtype},
	}
	if t.remoteCode {
		r.Config["trust_remote_code"] = true
	}
	if t.task == "generate" {
		r.Task = "" // the usual one
	}
	return r
}
