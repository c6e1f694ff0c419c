package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/aim-engine/aim"
)

// Ladder chooses the ladder of a spec: from the catalogue, and for a model that
// the catalogue does not know from what the model says of itself. A nil describe
// asks nobody.
func Ladder(ctx context.Context, c Catalogue, describe Describe, spec aim.DeploymentSpec, fleet aim.Fleet) (aim.Ladder, error) {
	ladder, err := choose(ctx, c, describe, spec, fleet)
	if err != nil {
		return ladder, err
	}
	return accompany(ladder, spec)
}

func choose(ctx context.Context, c Catalogue, describe Describe, spec aim.DeploymentSpec, fleet aim.Fleet) (aim.Ladder, error) {
	ladder, unknown := c.Ladder(spec, fleet)
	if unknown == nil || describe == nil || spec.Validate() != nil || c.Knows(spec.Model) {
		return ladder, unknown
	}
	d, err := describe(ctx, spec, fleet)
	if err == nil {
		return c.LadderFrom(spec, fleet, d)
	}
	var f *aim.Failure
	if !errors.As(err, &f) {
		return aim.Ladder{}, err
	}
	return aim.Ladder{}, Undescribed(aim.FailureOf(unknown), f)
}

// Undescribed joins what the catalogue and the nodes say. A model that is
// nowhere is most often a typing error: then the catalogue's nearest names
// matter, and there is no recipe; else what keeps it from being read does.
func Undescribed(unknown, f *aim.Failure) *aim.Failure {
	both := *f
	both.Why = fmt.Sprintf("%s; and %s", unknown.Why, f.Why)
	if f.Class == aim.ClassMissing || f.Class == aim.ClassNodeLost {
		both.Class, both.Hint = aim.ClassNoRecipe, unknown.Hint
	}
	return &both
}
