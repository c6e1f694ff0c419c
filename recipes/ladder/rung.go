package ladder

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/text"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// rung writes the candidate down as rung number n.
func (c *candidate) rung(n int) aim.Rung {
	memory := c.memory
	memory.Demand.Basis, memory.Demand.Notes = c.basis(), c.notes()
	served := c.spec.ServedName
	if served == "" {
		served = c.spec.Model
	}
	revision := c.spec.Revision
	if revision == "" && !c.target.sameArchitecture {
		revision = c.recipe.Revision
	}
	return aim.Rung{
		Number: n, Recipe: c.recipe.ID, Why: c.why(),
		Model: c.repo, Revision: revision, ServedName: served,
		Backend: c.recipe.Backend, Version: c.version, Image: c.image,
		GPUType: c.gpuType, GPUs: c.gpus, Nodes: 1, ShareBytes: uint64(c.spec.GPUMemory),
		Precision: c.precision, Metric: c.recipe.Metric, Task: cmp.Or(c.recipe.Task, recipe.Tasks()[0]),
		Options: c.opts, Env: c.env,
		Memory: memory.Estimate(), Resources: c.resources(c.weightBytes()),
	}
}

// why is one sentence: what speaks for the recipe, and how it was adapted.
func (c *candidate) why() string {
	if c.recipe.derived != "" {
		return c.whyDerived()
	}
	word := c.recipe.Maturity
	switch {
	case word == "" && len(c.recipe.Evidence) > 0:
		word = "published"
	case word == "":
		word = "a recipe without evidence"
	}
	s := fmt.Sprintf("%s for %d %s in %s", word, c.recipe.Hardware.GPUCount, c.recipe.Hardware.GPUType, c.recipe.Precision)
	if c.recipe.Metric != "" {
		s += ", tuned for " + c.recipe.Metric
	}
	if len(c.recipe.Evidence) > 0 {
		publisher, _, _ := strings.Cut(c.recipe.Evidence[0].Source, " ")
		s += " (" + publisher + ")"
	}
	if c.target.sameArchitecture {
		s += "; a recipe of " + c.target.model.ID + ", which has the same shape"
	}
	if len(c.adapted) > 0 {
		s += "; " + strings.Join(c.adapted, "; ")
	}
	return s
}

// whyDerived tells what is known of a model that no recipe runs.
func (c *candidate) whyDerived() string {
	m := c.target.model
	s := fmt.Sprintf("nobody has written a recipe of it for %s; %s says: %s, %.1f billion parameters in %s",
		c.recipe.Hardware.GPUType, c.recipe.derived, m.Kind, float64(m.Parameters)/1e9, c.recipe.Precision)
	if m.Shape != nil {
		s += "; it can be divided over " + c.validCounts()
	}
	if len(c.adapted) > 0 {
		s += "; " + strings.Join(c.adapted, "; ")
	}
	return s
}

// notes are what the estimate passes over or guesses, and what a user should
// know of the weights on these GPUs.
func (c *candidate) notes() []string {
	var all []string
	if s := c.target.model.Shape; s != nil {
		all = append(all, s.Notes...)
		if !s.Exact {
			all = append(all, "the count rests on a guess")
		}
	}
	var quant model.Quantization
	if t := c.target.traits; t != nil {
		quant = t.Quant
		if quant.Method != "" && quant.Precision == "" {
			all = append(all, fmt.Sprintf("its weights are kept by %s (%s), whose size per weight is not known: the size of the files is taken", quant.Method, cmp.Or(quant.Name, "it names no format")))
		}
		if quant.KVCache == "fp8" {
			all = append(all, "the checkpoint is made for a KV cache in fp8, which the server takes by itself")
		}
		switch {
		case t.RemoteCode:
			all = append(all, "the model brings code of its own (auto_map), which the server needs: a node runs it where its setting node.remote_code allows the model")
		case t.BringsCode:
			all = append(all, "the model brings code of its own (auto_map), which the server does not need")
		}
	} else {
		quant.Precision = c.precision
		if c.table.Has(c.opts, remoteCode) {
			all = append(all, "it asks for code of the model's repository (trust_remote_code): a node leaves the option out where the repository has none, and runs it where its setting node.remote_code allows the model")
		}
	}
	if g, ok := c.tables.GPU(c.gpuType); ok {
		if word := quant.Emulated(g.Arch); word != "" {
			all = append(all, word)
		}
	}
	return all
}

// losses says what a user gives up by going from one recipe to another.
func losses(before, after *candidate) string {
	var parts []string
	if after.gpus > before.gpus {
		parts = append(parts, fmt.Sprintf("it takes %s instead of %d", gpuCount(after.gpus), before.gpus))
	}
	if after.precisionRank() > before.precisionRank() {
		parts = append(parts, fmt.Sprintf("the weights are %s instead of %s", after.precision, before.precision))
	}
	a, _ := before.number("max-model-len")
	b, _ := after.number("max-model-len")
	if b > 0 && b < a {
		parts = append(parts, fmt.Sprintf("the context is %s instead of %s", text.Tokens(b), text.Tokens(a)))
	}
	if after.short && !before.short {
		parts = append(parts, "the context is as long as fits")
	}
	return strings.Join(parts, "; ")
}

// nothing explains why no candidate is left: the user's own options, else the
// reasons of the recipes, each once, and what there is.
func (s *selection) nothing() error {
	if s.userFault != "" {
		return aim.Failf(aim.ClassInput, "the options for %s are refused: %s", s.spec.Model, s.userFault)
	}
	if _, known := s.hardware.tables.GPU(s.spec.GPUType); s.spec.GPUType != "" && !known {
		return aim.Failf(aim.ClassNoRecipe, "no recipe runs %s on %s: known here are %s; %s",
			s.spec.Model, s.spec.GPUType, strings.Join(s.hardware.tables.Types(), ", "), s.hardware.text).WithHint("%s", s.without(func(d *aim.DeploymentSpec) { d.GPUType = "" }))
	}
	reasons := s.whyNot()
	if word := s.noArithmetic(); word != "" {
		reasons = append([]string{word}, reasons...)
	}
	if s.target.traits != nil {
		return aim.Failf(aim.ClassNoRecipe, "no recipe runs %s, and it cannot be run as its config.json describes it: %s", s.spec.Model, strings.Join(reasons, "; ")).
			WithHint("see what its memory is made of with: aim estimate %s", s.spec.Model)
	}
	return aim.Failf(aim.ClassNoRecipe, "no recipe runs %s as asked: %s; there are recipes for %s",
		s.spec.Model, strings.Join(reasons, "; "), s.known()).
		WithHint("aim recipe list")
}

// whyNot is why recipes were not taken, the recipes by name where a few share a reason.
func (s *selection) whyNot() []string {
	by := map[string][]string{}
	var order []string
	for _, r := range s.rejected {
		if len(by[r.Why]) == 0 {
			order = append(order, r.Why)
		}
		by[r.Why] = append(by[r.Why], r.Recipe)
	}
	var reasons []string
	for _, why := range order {
		who := by[why][0] + ": "
		if n := len(by[why]); n > 1 {
			who = fmt.Sprintf("%s and %d more: ", by[why][0], n-1)
		}
		reasons = append(reasons, who+why)
	}
	const shown = 3
	if len(reasons) > shown {
		reasons = append(reasons[:shown], fmt.Sprintf("and %d more reasons", len(reasons)-shown))
	}
	return reasons
}

// noArithmetic says that no GPU of the fleet computes in the precision asked for.
func (s *selection) noArithmetic() string {
	if !strings.Contains(s.spec.Precision, "fp4") && !strings.Contains(s.spec.Precision, "fp6") {
		return ""
	}
	var types []string
	for _, o := range s.hardware.offers {
		if o.arch != "gfx942" {
			return ""
		}
		if !slices.Contains(types, o.gpuType) {
			types = append(types, o.gpuType)
		}
	}
	if len(types) == 0 {
		return ""
	}
	return fmt.Sprintf("%s has no arithmetic in %s", strings.Join(types, " and "), s.spec.Precision)
}

// without is the command that asks for the same with a wish less.
func (s *selection) without(drop func(*aim.DeploymentSpec)) string {
	spec := s.spec
	drop(&spec)
	return spec.Command()
}

// known names the hardware and precisions that the model has recipes for.
func (s *selection) known() string {
	var kinds []string
	for _, r := range s.written {
		kind := fmt.Sprintf("%d %s in %s", r.Hardware.GPUCount, r.Hardware.GPUType, r.Precision)
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, ", ")
}
