package ladder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// maxRungs bounds a ladder. A start takes minutes, so a ladder that is much
// longer would only put off telling the user.
const maxRungs = 6

// leastOthers is how many rungs other recipes get, where there are so many,
// before patches of the first one may take their place.
const leastOthers = 2

// Ladder orders what the deployment may try on this fleet, best first: explicit
// wishes decide what is tried at all, then come metric, evidence, precision and
// memory. After the best recipe stand its fallbacks, each for some failures
// alone, then other recipes of the model. Every rung is complete and its
// options are checked against its server version. Where the fleet has reported
// no GPU, MI300X are assumed, and the recipes' own hardware where none of them
// grants the wishes.
//
// The error is a Failure: of class input for a bad spec or bad options, of
// class no_recipe where nothing fits the wishes or the hardware.
func (m *Maker) Ladder(spec aim.DeploymentSpec, fleet aim.Fleet) (aim.Ladder, error) {
	if err := spec.Validate(); err != nil {
		return aim.Ladder{}, err
	}
	s, err := m.selectRecipes(shared(spec), fleet, 1)
	if err != nil {
		return aim.Ladder{}, err
	}
	return s.ladder()
}

// ladder orders the candidates, or says why there is none.
func (s *selection) ladder() (aim.Ladder, error) {
	if len(s.candidates) == 0 {
		return aim.Ladder{}, s.nothing()
	}
	rank(s.candidates)
	return s.build(), nil
}

// selectRecipes sorts out which of the model's recipes can be used.
func (m *Maker) selectRecipes(spec aim.DeploymentSpec, fleet aim.Fleet, stages int) (*selection, error) {
	k := m.known(spec.Model)
	if k.err != nil {
		return nil, k.err
	}
	all := k.recipes
	if spec.Recipe != "" {
		r, err := m.named(spec.Recipe, k)
		if err != nil {
			return nil, err
		}
		all = []*entry{r}
	}
	s := m.newSelection(spec, fleet, k.target)
	s.written, s.stages = k.recipes, stages
	if k.target.traits != nil {
		s.considerAll(s.derived(*k.target.traits))
		return s, nil
	}
	s.considerAll(all)
	if len(s.candidates) == 0 && spec.Recipe == "" {
		s.considerOtherTypes(all)
	}
	return s, nil
}

// named finds a recipe that was asked for by its id.
func (m *Maker) named(id string, k *known) (*entry, error) {
	i := slices.IndexFunc(k.recipes, func(r *entry) bool { return r.ID == id })
	if i >= 0 {
		return k.recipes[i], nil
	}
	other, err := m.catalogue.Recipe(id)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range k.recipes {
		ids = append(ids, r.ID)
	}
	f := aim.Failf(aim.ClassInput, "recipe %s runs %s, not %s", id, other.Model, k.target.asked)
	if len(ids) == 0 {
		return nil, f.WithHint("no recipe runs it; leave the recipe out")
	}
	return nil, f.WithHint("its recipes are %s", strings.Join(ids, ", "))
}

// build puts the rungs together.
func (s *selection) build() aim.Ladder {
	top := s.candidates[0]
	patches := s.fallbacks(top)
	others := s.others(top)
	room := maxRungs - 1
	keep := min(len(others), max(leastOthers, room-len(patches)))
	patches, covered := spread(patches, room-keep, 0)
	chosen, _ := spread(others, room-len(patches), covered)

	l := aim.Ladder{Rungs: []aim.Rung{top.rung(1)}, Rejected: s.rejected}
	for _, f := range slices.Concat(patches, chosen) {
		r := f.rung(len(l.Rungs) + 1)
		r.On, r.Loses = f.on.list(), f.loses
		if f.patch {
			r.Patch = describe(top, f.candidate)
			r.Why = "rung 1, but " + r.Patch
		}
		l.Rungs = append(l.Rungs, r)
	}
	for _, f := range others {
		taken := func(o fallback) bool { return o.recipe.ID == f.recipe.ID }
		if !slices.ContainsFunc(chosen, taken) {
			l.Rejected = append(l.Rejected, aim.Rejection{Recipe: f.recipe.ID, Why: fmt.Sprintf("it comes after the %d rungs that a ladder has", maxRungs)})
		}
	}
	slices.SortStableFunc(l.Rejected, func(a, b aim.Rejection) int { return strings.Compare(a.Recipe, b.Recipe) })
	return l
}

// others are the further candidates as fallbacks of the first one. One that
// differs from none of those before it would fail as they did.
func (s *selection) others(top *candidate) []fallback {
	var found []fallback
	for _, c := range s.candidates[1:] {
		taken := func(o fallback) bool { return same(o.candidate, c) }
		if same(top, c) || slices.ContainsFunc(found, taken) {
			s.reject(c.recipe.ID, "it has the same settings as a recipe before it")
			continue
		}
		found = append(found, fallback{candidate: c, on: mends(top, c), loses: losses(top, c)})
	}
	return found
}

// spread takes n fallbacks in their order, first those that mend a failure
// which none taken before them mends.
func spread(all []fallback, n int, covered classes) (chosen []fallback, mended classes) {
	taken := make([]bool, len(all))
	for _, needNew := range []bool{true, false} {
		for i, f := range all {
			if n == 0 || taken[i] || needNew && f.on&^covered == 0 {
				continue
			}
			taken[i] = true
			n--
			covered |= f.on
		}
	}
	for i, f := range all {
		if taken[i] {
			chosen = append(chosen, f)
		}
	}
	return chosen, covered
}
