package recipes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// candidate is a recipe with everything that the deployment and the hardware
// add to it: one possible rung. Its methods return changed copies.
type candidate struct {
	recipe Recipe
	target target
	spec   aim.DeploymentSpec

	repo      string // that is served
	precision string
	image     string
	version   string
	table     *options.Table
	opts      []aim.Option
	env       map[string]string

	gpuType string
	gpus    int
	memory  aim.Estimate

	fixed   []string // option keys that the user set
	adapted []string // how it differs from its recipe, for people
	rough   int      // how far it is from its recipe: 0 as written, more the further
	short   bool     // the context was cut to what fits
}

// newCandidate merges the recipe with the deployment's wishes. why is set when
// the recipe cannot be taken; bad when the fault is the user's own options.
func newCandidate(r Recipe, t target, spec aim.DeploymentSpec, c *Catalogue) (cand candidate, why string, bad bool) {
	defaults := c.tables.defaults[r.Backend]
	cand = candidate{
		recipe: r, target: t, spec: spec,
		repo: r.Weights(), precision: r.Precision, gpuType: r.Hardware.GPUType, gpus: r.Hardware.GPUCount,
		image: r.Image, version: r.version(), env: maps.Clone(r.Env),
	}
	if t.shape {
		cand.repo = t.asked
	}
	if cand.image == "" {
		cand.image = defaults.Image
	}
	if spec.Image != "" {
		cand.image, cand.version = spec.Image, versionOfImage(spec.Image)
	}
	table, err := options.For(r.Backend, cand.version)
	if err != nil {
		return cand, err.Error(), false
	}
	cand.table = table
	if why := cand.setRecipeOptions(defaults.Pins, c.allowed); why != "" {
		return cand, why, false
	}
	why = cand.setUserOptions(c.allowed)
	return cand, why, why != ""
}

// setRecipeOptions takes the pinned defaults, the recipe's config and its
// features, in this order.
func (c *candidate) setRecipeOptions(pins map[string]any, allowed []string) string {
	config, why := c.fromConfig(c.recipe.Config)
	if why != "" {
		return why
	}
	if problems := c.table.CheckUser(config, allowed...); len(problems) > 0 {
		return problems[0].String()
	}
	pinned, why := c.fromConfig(pins)
	if why != "" {
		return why
	}
	c.opts = c.table.Merge(pinned, config)
	if !c.target.shape { // how a model speaks belongs to the model, not to its shape
		c.opts = c.table.Merge(c.opts, c.recipe.Features.options())
	}
	if problems := c.table.CheckEnv(c.env); len(problems) > 0 {
		return problems[0].String()
	}
	return ""
}

// fromConfig makes options of settings. Those that only repeat what AIM Engine
// sets from other fields are dropped: recipes are often written with them.
func (c *candidate) fromConfig(config map[string]any) (opts []aim.Option, why string) {
	for _, name := range slices.Sorted(maps.Keys(config)) {
		o, ok, problem := c.table.FromValue(name, config[name])
		if problem != nil {
			return nil, problem.String()
		}
		if ok && o.Name != "tensor-parallel-size" && o.Name != "no-trust-remote-code" {
			opts = append(opts, o)
		}
	}
	return opts, ""
}

// options are vLLM's options for the features.
func (f Features) options() []aim.Option {
	var opts []aim.Option
	if f.ToolCallParser != "" {
		opts = append(opts, aim.Option{Name: "enable-auto-tool-choice", Bare: true}, aim.Option{Name: "tool-call-parser", Value: f.ToolCallParser})
	}
	if f.ReasoningParser != "" {
		opts = append(opts, aim.Option{Name: "reasoning-parser", Value: f.ReasoningParser})
	}
	return opts
}

// setUserOptions lays the deployment's own options and environment on top. A
// user's option is fixed: no fallback changes it.
func (c *candidate) setUserOptions(allowed []string) string {
	opts, err := c.table.Parse(c.spec.Args)
	if err != nil {
		return err.Error()
	}
	if problems := c.table.CheckUser(opts, allowed...); len(problems) > 0 {
		return problems[0].String()
	}
	if problems := c.table.CheckEnv(c.spec.Env); len(problems) > 0 {
		return problems[0].String()
	}
	if c.spec.MaxModelLen > 0 {
		if o, ok := c.table.Get(opts, "max-model-len"); ok {
			return fmt.Sprintf("--max-model-len %s is given beside max_model_len %d; give one of them", o.Value, c.spec.MaxModelLen)
		}
		opts = append(opts, aim.Option{Name: "max-model-len", Value: strconv.Itoa(c.spec.MaxModelLen)})
	}
	for _, o := range opts {
		c.fixed = append(c.fixed, c.table.Key(o.Name))
	}
	c.opts = c.table.Merge(c.opts, opts)
	c.env = mergeEnv(c.env, c.spec.Env)
	return c.checkLength()
}

// checkLength refuses a context that the model does not have; vLLM would do so
// only after the image is pulled and the process started. Without any length
// the model's own is pinned.
func (c *candidate) checkLength() string {
	longest := c.target.model.maxPosition(c.target.asked)
	_, overrides := c.table.Get(c.opts, "hf-overrides")
	if longest == 0 || overrides || c.env["VLLM_ALLOW_LONG_MAX_MODEL_LEN"] == "1" {
		return ""
	}
	length, set := c.number("max-model-len")
	if !set {
		c.opts = c.table.Merge(c.opts, []aim.Option{{Name: "max-model-len", Value: strconv.Itoa(longest)}})
		return ""
	}
	if length > longest {
		return fmt.Sprintf("a context of %s is longer than the %s of %s", tokens(length), tokens(longest), c.target.asked)
	}
	return ""
}

// number reads a numeric option. "auto" is set, and 0.
func (c candidate) number(name string) (n int, set bool) {
	o, ok := c.table.Get(c.opts, name)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(o.Value)
	if err != nil {
		return 0, o.Value == "auto"
	}
	return n, true
}

// with returns a copy with options laid on top.
func (c candidate) with(opts ...aim.Option) candidate {
	c.opts = c.table.Merge(c.opts, opts)
	return c
}

func mergeEnv(base, over map[string]string) map[string]string {
	merged := map[string]string{}
	maps.Copy(merged, base)
	maps.Copy(merged, over)
	return merged
}
