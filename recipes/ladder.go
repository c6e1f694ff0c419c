package recipes

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
// no GPU, the recipes' own hardware is assumed.
//
// The error is a Failure: of class input for a bad spec or bad options, of
// class no_recipe where nothing fits the wishes or the hardware.
func (c *Catalogue) Ladder(spec aim.DeploymentSpec, fleet aim.Fleet) (aim.Ladder, error) {
	if err := spec.Validate(); err != nil {
		return aim.Ladder{}, err
	}
	s, err := c.selectRecipes(spec, fleet)
	if err != nil {
		return aim.Ladder{}, err
	}
	if len(s.candidates) == 0 {
		return aim.Ladder{}, s.nothing()
	}
	rank(s.candidates)
	return s.build(), nil
}

// selectRecipes reads the model's recipes and sorts out those that can be used.
func (c *Catalogue) selectRecipes(spec aim.DeploymentSpec, fleet aim.Fleet) (*selection, error) {
	t, err := c.resolve(spec.Model)
	if err != nil {
		return nil, err
	}
	ids := c.RecipesOf(t.model.ID)
	if spec.Recipe != "" {
		if ids, err = c.named(spec.Recipe, t); err != nil {
			return nil, err
		}
	}
	s := &selection{catalogue: c, spec: spec, target: t, hardware: hardwareOf(fleet, c.tables)}
	for _, id := range ids {
		r, err := c.Recipe(id)
		if err != nil {
			return nil, err
		}
		s.consider(r)
	}
	s.nearestCounts()
	return s, nil
}

// named checks a recipe that was asked for by its id.
func (c *Catalogue) named(id string, t target) ([]string, error) {
	if e, ok := c.recipes[id]; ok && e.model != t.model.ID {
		return nil, aim.Failf(aim.ClassInput, "recipe %s runs %s, not %s", id, e.model, t.asked).
			WithHint("its recipes are %s", strings.Join(c.RecipesOf(t.model.ID), ", "))
	}
	if _, ok := c.recipes[id]; !ok {
		_, err := c.Recipe(id)
		return nil, err
	}
	return []string{id}, nil
}

// build puts the rungs together.
func (s *selection) build() aim.Ladder {
	top := s.candidates[0]
	patches := s.fallbacks(top)
	others := s.others(top)
	room := maxRungs - 1
	keep := min(len(others), max(leastOthers, room-len(patches)))
	covered := map[aim.Class]bool{}
	patches = spread(patches, room-keep, covered)
	chosen := spread(others, room-len(patches), covered)

	l := aim.Ladder{Rungs: []aim.Rung{top.rung(1)}, Rejected: s.rejected}
	for _, f := range slices.Concat(patches, chosen) {
		r := f.rung(len(l.Rungs) + 1)
		r.On, r.Loses, r.Patch = f.on, f.loses, f.what
		if f.what != "" {
			r.Why = "rung 1, but " + f.what
		}
		l.Rungs = append(l.Rungs, r)
	}
	for _, f := range others {
		taken := func(o fallen) bool { return o.recipe.ID == f.recipe.ID }
		if !slices.ContainsFunc(chosen, taken) {
			l.Rejected = append(l.Rejected, aim.Rejection{Recipe: f.recipe.ID, Why: fmt.Sprintf("it comes after the %d rungs that a ladder has", maxRungs)})
		}
	}
	slices.SortStableFunc(l.Rejected, func(a, b aim.Rejection) int { return strings.Compare(a.Recipe, b.Recipe) })
	return l
}

// others are the further candidates as fallbacks of the first one. One that
// differs from none of those before it would fail as they did.
func (s *selection) others(top candidate) []fallen {
	var found []fallen
	for _, c := range s.candidates[1:] {
		same := func(o fallen) bool { return len(difference(o.candidate, c)) == 0 }
		if len(difference(top, c)) == 0 || slices.ContainsFunc(found, same) {
			s.reject(c.recipe.ID, "it has the same settings as a recipe before it")
			continue
		}
		found = append(found, fallen{candidate: c, on: helps(top, c), loses: losses(top, c)})
	}
	return found
}

// spread takes n fallbacks in their order, first those that mend a failure
// which none taken before them mends (covered).
func spread(all []fallen, n int, covered map[aim.Class]bool) []fallen {
	taken := make([]bool, len(all))
	for _, needNew := range []bool{true, false} {
		for i, f := range all {
			fresh := slices.ContainsFunc(f.on, func(class aim.Class) bool { return !covered[class] })
			if n == 0 || taken[i] || needNew && !fresh {
				continue
			}
			taken[i] = true
			n--
			for _, class := range f.on {
				covered[class] = true
			}
		}
	}
	var chosen []fallen
	for i, f := range all {
		if taken[i] {
			chosen = append(chosen, f)
		}
	}
	return chosen
}
