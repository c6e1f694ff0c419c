package recipe

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/recipes/catalogue"
)

type validateOptions struct{}

// verdict is one line of `aim recipe validate -o jsonl`.
type verdict struct {
	File   string `json:"file"`
	Recipe string `json:"recipe,omitempty"`
	Valid  bool   `json:"valid"`
	Error  string `json:"error,omitempty"`
}

func newValidate(a *cli.App) *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check recipe and model files: fields, words, and every option of the server",
		Long: `Validate checks each file by itself and tells its first mistake by file, line and
column. Options are checked against the table of the server version that the
recipe is for. The exit code is 2 when a file is bad. The shortest recipe:

  recipe_id: large-2xmi300x-bf16
  model_id: acme/Large
  hardware: {gpu_type: MI300X, gpu_count: 2, memory_requirement: 300GB}
  precision: bf16
  backend: vllm
  config: {max_model_len: 32768}

docs/recipes.md has all fields, and the line that makes editors check them.`,
		Example: "  aim recipe validate ./recipes/*.yaml",
		Args:    cli.OneOrMore("FILE"),
		RunE:    func(_ *cobra.Command, args []string) error { return o.run(a, args) },
	}
	return a.Prints(cmd, []verdict{})
}

// run looks at all files before it fails: a CI run should show all mistakes.
func (o validateOptions) run(a *cli.App, files []string) error {
	var all []verdict
	var first error
	for _, file := range files {
		v, err := validateRecipe(file)
		if err != nil && first == nil {
			first = err
		}
		all = append(all, v)
	}
	if a.Programs() {
		if err := display.List(a.Out, a.Format, all); err != nil {
			return err
		}
	} else {
		printVerdicts(a, all)
	}
	if first == nil {
		return nil
	}
	if len(files) == 1 {
		return cli.Next(first, "aim recipe validate --help")
	}
	return cli.Quiet(cli.ExitUsage) // every file has been told about
}

// validateRecipe checks one file by itself, without the catalogue around it.
func validateRecipe(file string) (verdict, error) {
	if _, err := os.Stat(file); err != nil {
		err := cli.Usage("no file %s", file)
		return verdict{File: file, Error: err.Error()}, err
	}
	id, err := catalogue.CheckFile(file)
	v := verdict{File: file, Recipe: id, Valid: err == nil}
	if err != nil {
		v.Error = aim.FailureOf(err).Error()
	}
	return v, err
}

// printVerdicts leaves a single bad file to the error that follows.
func printVerdicts(a *cli.App, all []verdict) {
	for _, v := range all {
		switch {
		case v.Valid:
			a.Out.Printf("%s %s: %s\n", a.Out.Good("ok"), v.File, v.Recipe)
		case len(all) > 1: // a single one is told as the error
			a.Out.Printf("%s %s\n", a.Out.Bad("bad"), v.Error)
		}
	}
}
