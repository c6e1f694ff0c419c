package recipe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/recipes/recipe"
)

type showOptions struct{}

func newShow(a *cli.App) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:     "show RECIPE",
		Short:   "Show one recipe: hardware, options, fallbacks and evidence",
		Example: "  aim recipe show qwen3-32b-1xmi300x-bf16",
		Args:    cli.Named("RECIPE"),
		RunE:    func(_ *cobra.Command, args []string) error { return o.run(a, args[0]) },
	}
	AddFlag(cmd)
	return a.Prints(cmd, recipe.Recipe{})
}

func (o showOptions) run(a *cli.App, id string) error {
	c, err := Catalogue(a)
	if err != nil {
		return err
	}
	r, err := c.Recipe(id)
	if err != nil {
		return cli.Next(err, "aim recipe list")
	}
	if a.Programs() {
		return display.Data(a.Out, a.Format, r)
	}
	printRecipe(a.Out, r)
	return nil
}

// printRecipe shows defaults where the recipe leaves a choice open.
func printRecipe(o *display.Output, r recipe.Recipe) {
	o.Println(o.Bold(r.ID))
	var s display.Sections
	s.Add("model", r.Model)
	s.Add("weights", r.Weights())
	s.Add("GPUs", fmt.Sprintf("%d x %s", r.Hardware.GPUCount, r.Hardware.GPUType))
	s.Add("precision", r.Precision)
	s.Add("backend", strings.TrimSpace(r.Backend+" "+r.BackendVersion))
	s.Add("image", cmp.Or(r.Image, "the backend's default"))
	s.Add("metric", orAny(r.Metric))
	s.Add("task", cmp.Or(r.Task, recipe.Tasks()[0]))
	s.Add("maturity", r.Maturity)
	s.Add("options", settingsText(r.Config))
	s.Add("environment", settingsText(r.Env))
	s.Add("fallbacks", fallbacksText(r.Fallbacks))
	s.Add("evidence", evidenceText(r.Evidence))
	s.Add("note", r.Note)
	s.Add("file", r.Source())
	s.Print(o)
}

// settingsText writes one name and value a line, by name.
func settingsText[V any](m map[string]V) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s = %v\n", name, m[name])
	}
	return b.String()
}

// fallbacksText tells what is tried after which failure, and what it costs.
func fallbacksText(all []recipe.Fallback) string {
	var b strings.Builder
	for _, f := range all {
		words := make([]string, len(f.On))
		for i, class := range f.On {
			words[i] = string(class)
		}
		fmt.Fprintf(&b, "after %s; gives up: %s\n", strings.Join(words, " or "), f.Loses)
	}
	return b.String()
}

// evidenceText names who has published the configuration.
func evidenceText(all []recipe.Evidence) string {
	var b strings.Builder
	for _, e := range all {
		b.WriteString(e.Source)
		if e.Note != "" {
			b.WriteString(": " + e.Note)
		}
		b.WriteString("\n")
	}
	return b.String()
}
