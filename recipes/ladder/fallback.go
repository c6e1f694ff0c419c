package ladder

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// leastStep is the smallest step that halving goes to, in tokens: below it the
// activations are too small to matter.
const leastStep = 1024

// fallback is a candidate that stands for another one after some failures.
type fallback struct {
	*candidate
	on    classes
	loses string
	patch bool // it is the first candidate with a patch, not another recipe
}

// fallbacks are the patches of a candidate: its recipe's own, then the general
// rules. Those that would change nothing, or nothing that their failures
// depend on, or something that the user asked for, are left out.
func (s *selection) fallbacks(top *candidate) []fallback {
	all := slices.Clone(top.recipe.Fallbacks)
	for _, r := range s.maker.tables.Rules {
		all = append(all, r.Fallback)
	}
	var found []fallback
	for _, f := range all {
		patched, ok := s.apply(top, f.Patch)
		if !ok {
			continue
		}
		on := setOf(f.On...) & mends(top, patched)
		patch := func(o fallback) bool { return same(o.candidate, patched) }
		recipe := func(o *candidate) bool { return same(o, patched) } // that says the same, with evidence
		if on != 0 && !slices.ContainsFunc(found, patch) && !slices.ContainsFunc(s.candidates, recipe) {
			found = append(found, fallback{patched, on, f.Loses, true})
		}
	}
	return found
}

// apply patches a candidate. ok is false when the patch changes nothing, goes
// against a wish of the user, or leads to something that cannot run.
func (s *selection) apply(top *candidate, p recipe.Patch) (patched *candidate, ok bool) {
	c := *top
	for _, step := range []func(candidate, recipe.Patch) (candidate, bool){
		s.patchImage, patchWeights, s.patchGPUs, patchOptions, patchEnv,
	} {
		if c, ok = step(c, p); !ok {
			return nil, false
		}
	}
	if same(top, &c) {
		return nil, false
	}
	known := top.opts // they have passed
	if c.table != top.table {
		known = nil
	}
	if ok, _ := c.divides(); !ok || len(c.table.CheckChange(known, c.opts, s.maker.allowed...)) > 0 {
		return nil, false
	}
	fitted, why := c.estimated(s.hardware)
	return &fitted, why == ""
}

func (s *selection) patchImage(c candidate, p recipe.Patch) (candidate, bool) {
	if p.Image == "" && p.Version == "" {
		return c, true
	}
	if c.spec.Image != "" {
		return c, false
	}
	if p.Image != "" {
		c.image, c.version = p.Image, recipe.VersionOfImage(p.Image)
	}
	if p.Version != "" {
		c.version = p.Version
	}
	table, err := s.maker.cache.table(c.recipe.Backend, c.version)
	if err != nil {
		return c, false
	}
	c.table = table
	return c, true
}

func patchWeights(c candidate, p recipe.Patch) (candidate, bool) {
	precision := p.Precision != "" && model.PrecisionFamily(p.Precision) != model.PrecisionFamily(c.precision)
	if p.Checkpoint != "" && (c.target.repo != "" || c.target.sameArchitecture || c.spec.Revision != "") || precision && c.spec.Precision != "" {
		return c, false
	}
	if p.Checkpoint != "" {
		c.repo = p.Checkpoint
	}
	if p.Precision != "" {
		c.precision = p.Precision
	}
	return c, true
}

func (s *selection) patchGPUs(c candidate, p recipe.Patch) (candidate, bool) {
	gpus := c.gpus
	if p.GPUs > 0 {
		gpus = p.GPUs
	}
	if p.DoubleGPUs {
		gpus *= 2
	}
	if gpus == c.gpus {
		return c, true
	}
	return c.on(c.gpuType, gpus), s.spec.GPUs == 0
}

// patchOptions removes, halves and sets options. A key that the user set is
// never touched.
func patchOptions(c candidate, p recipe.Patch) (candidate, bool) {
	names := slices.Sorted(maps.Keys(p.Options))
	for _, name := range slices.Concat(p.Remove, p.Halve, names) {
		if len(c.fixed) > 0 && slices.Contains(c.fixed, c.table.Key(hyphened(name))) {
			return c, false
		}
	}
	for _, name := range p.Remove {
		c.opts = c.table.Without(c.opts, hyphened(name))
	}
	for _, name := range p.Halve {
		if n, ok := c.number(hyphened(name)); ok && n/2 >= leastStep {
			c = c.with(aim.Option{Name: hyphened(name), Value: strconv.Itoa(n / 2)})
		}
	}
	for _, name := range names {
		o, ok, problem := c.table.FromValue(name, p.Options[name])
		if problem != nil {
			return c, false
		}
		if ok {
			c = c.with(o)
		}
	}
	return c, true
}

// hyphened is the name of an option as servers write it; recipes may write
// underscores.
func hyphened(name string) string { return strings.ReplaceAll(name, "_", "-") }

func patchEnv(c candidate, p recipe.Patch) (candidate, bool) {
	if len(p.Env) == 0 && len(p.RemoveEnv) == 0 {
		return c, true
	}
	env := maps.Clone(mergeEnv(c.env, p.Env))
	for _, name := range p.RemoveEnv {
		delete(env, name)
	}
	for name, value := range c.spec.Env {
		if env[name] != value {
			return c, false
		}
	}
	c.env = env
	return c, len(c.table.CheckEnv(p.Env)) == 0
}

// describe says what is different, in the words of a command line.
func describe(before, after *candidate) string {
	var parts []string
	for _, change := range difference(before, after) {
		parts = append(parts, describeChange(change, before, after))
	}
	return strings.Join(parts, ", ")
}

func describeChange(change string, before, after *candidate) string {
	switch change {
	case changeImage:
		return "image " + after.image
	case changeWeights:
		return "weights " + after.repo
	case changeGPUs:
		return gpuCount(after.gpus)
	case changeType:
		return after.gpuType
	}
	if o, ok := after.table.Get(after.opts, change); ok {
		return strings.TrimSpace(fmt.Sprintf("--%s %s", o.Name, o.Value))
	}
	if value, ok := after.env[change]; ok {
		return change + "=" + value
	}
	if _, ok := before.env[change]; ok {
		return "without " + change
	}
	return "without --" + change
}
