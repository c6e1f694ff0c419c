package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/recipes"
)

func newRecipe(a *app) *cobra.Command {
	return group("recipe", "Look at the catalogue of recipes", "  aim recipe list",
		newRecipeList(a), newRecipeShow(a), newRecipeValidate(a), newRecipeImport(a))
}

// catalogue loads the built-in recipes and the user's folders.
func (a *app) catalogue() (*recipes.Catalogue, error) {
	c, err := recipes.Load(a.settings.Control.Recipes...)
	return c, next(err, "aim recipe validate FILE")
}

// checkAgainstCatalogue refuses what no recipe can run, before anything is
// started. Whether there is room is control's to say. Only a model that the
// catalogue does not know is asked about on the fleet.
func (a *app) checkAgainstCatalogue(ctx context.Context, spec aim.DeploymentSpec) error {
	c, err := a.catalogue()
	if err != nil {
		return err
	}
	if c.Knows(spec.Model) {
		_, err = c.Ladder(spec, aim.Fleet{})
		return adviseLadder(err)
	}
	fleet, _ := a.planFleet(ctx)
	_, err = control.Ladder(ctx, c, a.fleetModels(ctx, fleet), spec, fleet)
	return adviseLadder(err)
}

// adviseLadder tells where to look when no recipe fits. A bad value speaks for
// itself.
func adviseLadder(err error) error {
	if codeOf(err) == exitNoCapacity {
		return next(err, "aim recipe list")
	}
	return err
}

// recipesFlag adds folders to the catalogue.
func recipesFlag(cmd *cobra.Command) {
	cmd.Flags().StringArray("recipes", nil, "`folder` that adds to the built-in catalogue; repeatable")
	setting(cmd.Flags(), "recipes", "control.recipes")
}
