// Package recipe has the commands that read the catalogue, on this machine and
// without a fleet.
package recipe

import (
	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/recipes"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("recipe", "Look at the catalogue of recipes", "  aim recipe list",
		newList(a), newShow(a), newValidate(a), newImport(a))
}

// Catalogue loads the built-in recipes and the user's folders.
func Catalogue(a *cli.App) (*recipes.Catalogue, error) {
	c, err := recipes.Load(a.Settings.Control.Recipes...)
	return c, cli.Next(err, "aim recipe validate FILE")
}

// Advise tells where to look when no recipe fits. A bad value speaks for
// itself.
func Advise(err error) error {
	if cli.CodeOf(err) == cli.ExitNoCapacity {
		return cli.Next(err, "aim recipe list")
	}
	return err
}

// AddFlag adds folders to the catalogue.
func AddFlag(cmd *cobra.Command) {
	cmd.Flags().StringArray("recipes", nil, "`folder` that adds to the built-in catalogue; repeatable")
	cli.Setting(cmd.Flags(), "recipes", "control.recipes")
}
