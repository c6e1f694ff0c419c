package ladder

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/estimate"
	"github.com/aim-engine/aim/recipes/internal/text"
	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// candidate is a recipe with everything that the deployment and the hardware
// add to it: one possible rung. Its methods return changed copies.
type candidate struct {
	recipe *entry // these three are shared by all copies and never changed
	target *target
	spec   *aim.DeploymentSpec
	tables *recipe.Tables

	repo      string // that is served
	precision string
	image     string
	version   string
	table     *options.Table
	opts      []aim.Option
	env       map[string]string

	gpuType string
	gpus    int
	stages  int // of a pipeline, each on so many GPUs; 0 = 1
	memory  estimate.Judgement
	freeNow bool // a node has so many of these GPUs free

	fixed   []string // option keys that the user set
	adapted []string // how it differs from its recipe, for people
	rough   int      // how far it is from its recipe: 0 as written, more the further
	short   bool     // the context was cut to what fits
	ranks   [7]int   // see rank
}

// newCandidate merges the recipe with the deployment's wishes. why is set when
// the recipe cannot be taken; bad when the fault is the user's own options.
func newCandidate(r *entry, t *target, spec *aim.DeploymentSpec, m *Maker) (cand candidate, why string, bad bool) {
	if cand, why = bareCandidate(r, t, spec, m); why != "" {
		return cand, why, false
	}
	if r.own != nil && spec.Image == "" {
		cand.opts, why = r.own.opts, r.own.why
	} else {
		why = cand.setRecipeOptions(m.tables.Defaults[r.Backend].Pins, m.allowed)
	}
	if why != "" {
		return cand, why, false
	}
	why = cand.setUserOptions(m.allowed)
	return cand, why, why != ""
}

// bareCandidate has everything but options.
func bareCandidate(r *entry, t *target, spec *aim.DeploymentSpec, m *Maker) (cand candidate, why string) {
	cand = candidate{
		recipe: r, target: t, spec: spec, tables: m.tables,
		repo: r.Weights(), precision: r.Precision, gpuType: r.Hardware.GPUType, gpus: r.Hardware.GPUCount,
		image: r.Image, version: r.ServerVersion(), env: maps.Clone(r.Env),
	}
	if t.sameArchitecture {
		cand.repo = t.asked
	}
	if cand.image == "" {
		cand.image = m.tables.Defaults[r.Backend].Image
	}
	if spec.Image != "" {
		cand.image, cand.version = spec.Image, recipe.VersionOfImage(spec.Image)
	}
	table, err := m.cache.table(r.Backend, cand.version)
	if err != nil {
		return cand, err.Error()
	}
	cand.table = table
	return cand, r.Versions.Exclude(r.Backend, cand.version)
}

// ownOptions is what setRecipeOptions makes of a recipe on its own image: the
// same for every deployment.
type ownOptions struct {
	opts []aim.Option
	why  string
}

func (m *Maker) ownOptions(r *entry, t target) *ownOptions {
	cand, why := bareCandidate(r, &t, &aim.DeploymentSpec{}, m)
	if why == "" {
		why = cand.setRecipeOptions(m.tables.Defaults[r.Backend].Pins, m.allowed)
	}
	return &ownOptions{slices.Clip(cand.opts), why}
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
	if !c.target.sameArchitecture { // how a model speaks belongs to the model, not to its shape
		features, why := c.featureOptions()
		if why != "" {
			return why
		}
		c.opts = c.table.Merge(c.opts, features)
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
		if ok && c.table.Word(o.Name) != "tensor-parallel-size" && o.Name != "no-trust-remote-code" {
			opts = append(opts, o)
		}
	}
	return opts, ""
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
	if why := c.setShare(opts); why != "" {
		return why
	}
	if len(opts) > 0 {
		c.opts = c.table.Merge(c.opts, opts)
	}
	c.env = mergeEnv(c.env, c.spec.Env)
	return c.checkLength()
}

// checkLength refuses a context that the model does not have; vLLM would do so
// only after the image is pulled and the process started. Without any length
// the model's own is pinned.
func (c *candidate) checkLength() string {
	longest := c.target.model.LongestContext(c.target.asked)
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
		return fmt.Sprintf("a context of %s is longer than the %s of %s", text.Tokens(length), text.Tokens(longest), c.target.asked)
	}
	return ""
}

// number reads a numeric option. "auto" is set, and 0.
func (c *candidate) number(name string) (n int, set bool) {
	o, ok := c.table.Get(c.opts, name)
	if !ok {
		return 0, false
	}
	return estimate.Number(o)
}

// with returns a copy with options laid on top.
func (c candidate) with(opts ...aim.Option) candidate {
	c.opts = c.table.Merge(c.opts, opts)
	return c
}

// mergeEnv lays names over a base, which it leaves as it is.
func mergeEnv(base, over map[string]string) map[string]string {
	if len(over) == 0 {
		return base
	}
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, over)
	return merged
}
