package recipe

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/recipes"
	"github.com/aim-engine/aim/recipes/recipe"
)

type listOptions struct{}

func newList(a *cli.App) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list [MODEL]",
		Aliases: []string{"ls"},
		Short:   "List the recipes, or those of one model",
		Example: "  aim recipe list Qwen/Qwen3-32B",
		Args:    cli.AtMost("MODEL"),
		RunE:    func(_ *cobra.Command, args []string) error { return o.run(a, args) },
	}
	AddFlag(cmd)
	return a.Prints(cmd, []recipe.Recipe{})
}

// run reads every recipe, so that a broken file of the user is found here.
func (o listOptions) run(a *cli.App, models []string) error {
	c, err := Catalogue(a)
	if err != nil {
		return err
	}
	model := ""
	if len(models) > 0 {
		model = models[0]
	}
	all, err := c.All(model)
	if err != nil {
		return cli.Next(err, "aim recipe validate FILE")
	}
	if model != "" && len(all) == 0 {
		return unknownModel(c, model)
	}
	if a.Programs() {
		return display.List(a.Out, a.Format, all)
	}
	printRecipes(a.Out, all)
	return nil
}

// printRecipes shows what a ladder is chosen by.
func printRecipes(o *display.Output, all []recipe.Recipe) {
	t := display.Table{Header: []string{"RECIPE", "MODEL", "GPUS", "PRECISION", "BACKEND", "METRIC"}}
	for _, r := range all {
		t.Add(o.Bold(r.ID), r.Model, fmt.Sprintf("%d %s", r.Hardware.GPUCount, r.Hardware.GPUType), r.Precision,
			strings.TrimSpace(r.Backend+" "+r.BackendVersion), orAny(r.Metric))
	}
	t.Print(o)
}

func orAny(s string) string {
	if s == "" {
		return "any"
	}
	return s
}

// unknownModel names the model that was probably meant.
func unknownModel(c *recipes.Catalogue, model string) error {
	f := aim.Failf(aim.ClassNoRecipe, "there is no recipe for %s", model)
	if near := aim.Nearest(model, c.Models()); near != "" {
		f.Why += fmt.Sprintf("; did you mean %s?", near)
	}
	return cli.Next(f, "aim recipe list")
}
