package control

import (
	"fmt"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

// accompany writes down for every rung which repositories it needs besides its
// model: those that its options name, and the adapters of the spec. Rungs that
// cannot serve adapters are rejected; a bad name is a Failure.
func accompany(ladder aim.Ladder, spec aim.DeploymentSpec) (aim.Ladder, error) {
	var kept []aim.Rung
	for _, r := range ladder.Rungs {
		named, err := options.Companions(r.Backend, r.Model, r.Options)
		if err != nil {
			return aim.Ladder{}, err
		}
		if len(spec.Adapters) > 0 && r.Backend != "vllm" {
			ladder.Rejected = append(ladder.Rejected, aim.Rejection{Recipe: r.Recipe, Why: "adapters are served by vllm, not by " + r.Backend})
			continue
		}
		for _, a := range spec.Adapters {
			named = append(named, aim.Companion{Kind: aim.CompanionAdapter, Model: a.Model, Revision: a.Revision, Name: a.Name, Base: r.Model})
		}
		r.Companions = named
		for _, c := range named {
			r.Why += fmt.Sprintf("; %s is fetched too (%s)", c.Model, forWhat(c))
		}
		kept = append(kept, r)
	}
	if len(kept) == 0 && len(ladder.Rungs) > 0 {
		return aim.Ladder{}, aim.Failf(aim.ClassNoRecipe, "no recipe for %s serves adapters: they need vllm", spec.Model).
			WithHint("leave adapters, backend or recipe out")
	}
	ladder.Rungs = kept
	return ladder, nil
}

func forWhat(c aim.Companion) string {
	if c.Kind == aim.CompanionAdapter {
		return "adapter " + c.Name
	}
	return "--" + c.Option
}
