package ladder

import (
	"fmt"
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// selection sorts a model's recipes into candidates and rejections.
type selection struct {
	maker      *Maker
	spec       aim.DeploymentSpec
	target     target
	written    []*entry // all of the model's
	hardware   hardware
	stages     int // pipeline stages that a replica is cut into; 0 = 1
	candidates []*candidate
	rejected   []aim.Rejection
	unfit      []*candidate // those that memory alone turned away
	userFault  string       // what is wrong with the user's own options, if that turned a recipe away
}

func (m *Maker) newSelection(spec aim.DeploymentSpec, fleet aim.Fleet, t target) *selection {
	return &selection{maker: m, spec: spec, target: t, hardware: hardwareOf(fleet, m.tables, spec.GPUType)}
}

// considerAll sorts the recipes of the model into candidates and rejections.
func (s *selection) considerAll(all []*entry) {
	for i := range all {
		s.consider(all[i])
	}
	s.assumedFirst()
	s.nearestCounts()
}

func (s *selection) reject(id, format string, args ...any) {
	s.rejected = append(s.rejected, aim.Rejection{Recipe: id, Why: fmt.Sprintf(format, args...)})
}

// consider takes one recipe through the wishes, then to the hardware.
func (s *selection) consider(r *entry) {
	r = r.forBackend(s.spec.Backend, s.maker.tables)
	if why := s.refuses(r); why != "" {
		s.reject(r.ID, "%s", why)
		return
	}
	if s.spec.GPUType == "" && !s.hardware.serves(r) {
		s.reject(r.ID, "%s", s.hardware.lacks(r.Hardware.GPUType))
		return
	}
	c, why, bad := newCandidate(r, &s.target, &s.spec, s.maker)
	if why != "" {
		if bad {
			s.userFault = why
		}
		s.reject(r.ID, "%s", why)
		return
	}
	c.stages = s.stages
	if r.ported != "" {
		c.adapted, c.rough = append(c.adapted, r.ported), c.rough+3
	}
	if _, is16 := model.Dtypes[s.spec.Precision]; is16 && s.spec.Precision != r.Precision {
		c = c.computing(s.spec.Precision)
	}
	s.offer(c)
}

// refuses tells why a recipe is not what the user asked for.
func (s *selection) refuses(r *entry) string {
	spec, weights := s.spec, r.Weights()
	switch {
	case s.target.repo != "" && weights != s.target.repo:
		return fmt.Sprintf("it serves %s", weights)
	case s.target.sameArchitecture && weights != s.target.model.ID:
		return fmt.Sprintf("it serves %s, weights of %s alone", weights, s.target.model.ID)
	case spec.Revision != "" && weights != spec.Model && !s.target.sameArchitecture:
		return fmt.Sprintf("revision %s is of %s, and it serves %s", spec.Revision, spec.Model, weights)
	case r.Backend == "tgi" && r.Task != "" && r.Task != recipe.Tasks()[0]:
		return fmt.Sprintf("it is to %s, and tgi generates text alone", r.Task)
	case spec.Backend != "" && r.Backend != spec.Backend:
		return fmt.Sprintf("it is for %s, not %s", r.Backend, spec.Backend)
	case spec.GPUMemory > 0 && r.Backend != "vllm":
		return fmt.Sprintf("a %s server cannot be held to a share of a GPU's memory", r.Backend)
	case spec.Nodes > 1:
		return fmt.Sprintf("it runs on one node, not on %d", spec.Nodes)
	case spec.Precision != "" && model.PrecisionFamily(r.Precision) != model.PrecisionFamily(spec.Precision):
		return fmt.Sprintf("it is %s, not %s", r.Precision, spec.Precision)
	case r.ManualOnly && spec.Recipe != r.ID:
		return "it is taken only when it is asked for by its id"
	case spec.GPUType != "" && !s.standsFor(r.Hardware.GPUType, spec.GPUType) && !slices.Contains(r.Match.GPUTypes, spec.GPUType):
		return fmt.Sprintf("it is for %s, not %s", r.Hardware.GPUType, spec.GPUType)
	}
	return ""
}

// standsFor tells whether a recipe for one type may run on another.
func (s *selection) standsFor(recipeType, wanted string) bool {
	if recipeType == wanted || slices.Contains(s.hardware.like(recipeType), wanted) {
		return true
	}
	a, okA := s.hardware.tables.GPU(recipeType)
	b, okB := s.hardware.tables.GPU(wanted)
	return s.hardware.assumed && okA && okB && a.Arch == b.Arch && b.VRAM >= a.VRAM
}

// offer puts the candidate on GPUs that exist: those of its recipe, else of a
// type that can stand in for them.
func (s *selection) offer(c candidate) {
	gpus := c.gpus
	if s.spec.GPUs > 0 {
		gpus = s.spec.GPUs
	}
	types := []string{c.gpuType}
	if s.spec.GPUType != "" {
		types = []string{s.spec.GPUType}
	} else if len(s.hardware.of(c.gpuType)) == 0 {
		types = slices.Concat(types, c.recipe.Match.GPUTypes, s.hardware.like(c.gpuType))
	}
	why := ""
	for _, t := range types {
		fitted, reason := s.place(c.on(t, gpus))
		if reason == "" {
			fitted.freeNow = s.hardware.freeNow(t, gpus)
			s.candidates = append(s.candidates, &fitted)
			return
		}
		if fitted.memory.Verdict == aim.VerdictNo {
			s.unfit = append(s.unfit, &fitted)
		}
		if why == "" || t != c.gpuType {
			why = reason
		}
	}
	s.reject(c.recipe.ID, "%s", why)
}

// place checks division and memory; where only the length is too much, it is
// cut to what fits.
func (s *selection) place(c candidate) (candidate, string) {
	if ok, why := c.divides(); !ok {
		return c, why
	}
	if why := c.shareTooLarge(s.hardware); why != "" {
		return c, why
	}
	fitted, why := c.estimated(s.hardware)
	if why == "" || fitted.memory.Verdict != aim.VerdictNo {
		return fitted, why
	}
	if short, reason := c.shortened(s.hardware); reason == "" {
		return short, ""
	}
	return fitted, why
}

// assumedFirst keeps, while no GPU has been reported, what is for the assumed
// type. Recipes for another type are taken only where none for that one grants
// the wishes: a ladder over several types would hold rungs that no node can run.
func (s *selection) assumedFirst() {
	usual := func(c *candidate) bool { return c.gpuType == assumedType }
	if !s.hardware.assumed || !slices.ContainsFunc(slices.Concat(s.candidates, s.unfit), usual) {
		return
	}
	s.candidates = slices.DeleteFunc(s.candidates, func(c *candidate) bool {
		other := !usual(c)
		if other {
			s.reject(c.recipe.ID, "it is for %s; no GPU has been reported yet, and %s is assumed", c.gpuType, assumedType)
		}
		return other
	})
	s.unfit = slices.DeleteFunc(s.unfit, func(c *candidate) bool { return !usual(c) })
}

// nearestCounts keeps, where the user asked for a number of GPUs, the recipes
// that were written for it; where there is none, those nearest to it.
func (s *selection) nearestCounts() {
	if s.spec.GPUs == 0 {
		return
	}
	best := map[string]int{} // by repository: least distance
	away := func(c *candidate) int {
		return max(c.recipe.Hardware.GPUCount-s.spec.GPUs, s.spec.GPUs-c.recipe.Hardware.GPUCount)
	}
	for _, c := range s.candidates {
		if d, ok := best[c.repo]; !ok || away(c) < d {
			best[c.repo] = away(c)
		}
	}
	s.candidates = slices.DeleteFunc(s.candidates, func(c *candidate) bool {
		far := away(c) > best[c.repo]
		if far {
			s.reject(c.recipe.ID, "it is for %s, and another recipe is nearer to %d", gpuCount(c.recipe.Hardware.GPUCount), s.spec.GPUs)
		}
		return far
	})
}
