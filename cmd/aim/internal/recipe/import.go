package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/recipes/importer"
	"github.com/aim-engine/aim/recipes/recipe"
)

type importOptions struct {
	out   string
	force bool
}

// ImportedRecipe is one line of `aim recipe import -o jsonl`.
type ImportedRecipe struct {
	From    string        `json:"from"`
	File    string        `json:"file,omitempty"` // that was written
	Recipe  recipe.Recipe `json:"recipe"`
	Changes []string      `json:"changes"`
	Left    []string      `json:"left,omitempty"` // what of the file goes for no recipe
}

func newImport(a *cli.App) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Make recipes of AMD AIM profiles and vllm-project recipes",
		Long: `Import reads profiles of AMD's AIM images and model files of vllm-project/recipes
and writes each recipe that it makes of them into a file of the folder --out.
Without --out it prints them.

Options that the server version no longer takes are dropped or renamed, and what
AIM Engine sets itself is left out; every change is listed on stderr.`,
		Example: `  aim recipe import profiles/Qwen/Qwen3-32B/*.yaml --out ./recipes
  aim deploy Qwen/Qwen3-32B --recipe qwen3-32b-1xmi300x-fp8-latency`,
		Args: cli.OneOrMore("FILE"),
		RunE: func(_ *cobra.Command, args []string) error { return o.run(a, args) },
	}
	cmd.Flags().StringVar(&o.out, "out", "", "`folder` to write the recipes to; made if it is not there")
	cmd.Flags().BoolVar(&o.force, "force", false, "write over files that are there already")
	return a.Prints(cmd, []ImportedRecipe{})
}

// run reads all files, and writes what those give that can be read: one bad file
// stops only itself.
func (o importOptions) run(a *cli.App, files []string) error {
	var all []ImportedRecipe
	var bad []error
	for _, file := range files {
		made, err := o.importFile(a, file)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		all = append(all, made...)
	}
	if len(bad) > 0 && len(files) == 1 {
		return bad[0]
	}
	apart(all)
	if err := o.write(a, all); err != nil {
		return err
	}
	if a.Programs() {
		if err := display.List(a.Out, a.Format, all); err != nil {
			return err
		}
	} else {
		o.tell(a, all)
	}
	if len(bad) == 0 {
		return nil
	}
	for _, err := range bad {
		a.Hint("%s %s", a.Err.Bad("bad"), aim.FailureOf(err).Why)
	}
	return cli.Quiet(cli.ExitUsage) // every file has been told about
}

// apart gives recipes of different files that came out with the same id one each,
// named after its file.
func apart(all []ImportedRecipe) {
	taken := map[string]bool{}
	for i := range all {
		r := &all[i]
		id := r.Recipe.ID
		if taken[id] {
			id += "-" + aim.NameOf(strings.TrimSuffix(filepath.Base(r.From), filepath.Ext(r.From)))
		}
		for n := 2; taken[id]; n++ {
			id = fmt.Sprintf("%s-%d", r.Recipe.ID, n)
		}
		if id != r.Recipe.ID {
			r.Changes = append(r.Changes, fmt.Sprintf("recipe_id is %s: another file gives %s", id, r.Recipe.ID))
			r.Recipe.ID = id
		}
		taken[id] = true
	}
}

func (o importOptions) importFile(a *cli.App, file string) ([]ImportedRecipe, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cli.Usage("no file %s", file)
	}
	if err != nil {
		return nil, cli.Failed("read the file to import: %w", err)
	}
	made, err := importer.Import(file, data)
	if err != nil {
		return nil, cli.Next(err, "aim recipe import --help")
	}
	for _, left := range made.Left {
		a.Hint("%s: %s", file, left)
	}
	var all []ImportedRecipe
	for _, m := range made.Recipes {
		all = append(all, ImportedRecipe{From: file, Recipe: m.Recipe, Changes: append([]string{}, m.Changes...), Left: made.Left})
	}
	return all, nil
}

// write puts each recipe into a file named after it.
func (o importOptions) write(a *cli.App, all []ImportedRecipe) error {
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return cli.Failed("make the folder of recipes: %w", err)
	}
	for i := range all {
		text, err := all[i].Recipe.YAML()
		if err != nil {
			return err
		}
		all[i].File = filepath.Join(o.out, all[i].Recipe.ID+".yaml")
		if err := o.create(all[i].File, text); err != nil {
			return err
		}
	}
	return nil
}

// create writes a new file, or over an old one where that was asked for.
func (o importOptions) create(path string, text []byte) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !o.force {
		mode |= os.O_EXCL
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return cli.Next(aim.Failf(aim.ClassInput, "%s is there already", path), "aim recipe import --force FILE... --out %s", o.out)
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return cli.Failed("write a recipe: %w", err)
	}
	return nil
}

// tell prints recipes, or the files they went to, and the changes.
func (o importOptions) tell(a *cli.App, all []ImportedRecipe) {
	for i, m := range all {
		if m.File != "" {
			a.Out.Println(m.File)
		} else if text, err := m.Recipe.YAML(); err == nil { // it has been made of what can be written
			if i > 0 {
				a.Out.Println("---")
			}
			a.Out.Printf("%s", text)
		}
		for _, change := range m.Changes {
			a.Hint("%s: %s", m.Recipe.ID, change)
		}
	}
	if o.out != "" {
		a.Hint("next: aim recipe list --recipes %s", o.out)
	}
}
