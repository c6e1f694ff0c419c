package recipes

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

//go:embed models/*.yaml recipes/*.yaml
var embedded embed.FS

// Catalogue is the index of all known models and recipes. Only names are in
// memory; the body of a file is read when a request needs it. A Catalogue is
// not changed after Load and may be shared.
type Catalogue struct {
	recipes map[string]entry  // by recipe id
	models  map[string]entry  // by model id
	names   map[string]string // repository or model of the same shape -> model id
	allowed []string
	tables  *tables
}

// entry says where a recipe or model is, and whose it is.
type entry struct {
	id    string
	model string // of a recipe: the model it runs
	fsys  fs.FS
	path  string // in fsys
	file  string // for people
}

// Load reads the index of the embedded catalogue and of the user's folders, in
// this order. A folder holds *.yaml files of recipes and models, directly or in
// folders named recipes and models; a file replaces an earlier one with the same
// id. The error is a Failure that names the file.
func Load(dirs ...string) (*Catalogue, error) {
	t, err := embeddedTables()
	if err != nil {
		return nil, err
	}
	c := &Catalogue{recipes: map[string]entry{}, models: map[string]entry{}, names: map[string]string{}, tables: t}
	if err := c.index(embedded, builtIn); err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, aim.Failf(aim.ClassInput, "recipe folder %s: it is not a readable folder", dir).
				WithHint("create it, or take it out of the settings")
		}
		if err := c.index(os.DirFS(dir), dir+"/"); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Allow returns a catalogue that accepts the named options from users and
// recipes although they are reserved, such as trust-remote-code where the
// operator of the fleet allows it.
func (c *Catalogue) Allow(names ...string) *Catalogue {
	allowing := *c
	allowing.allowed = append(slices.Clone(c.allowed), names...)
	return &allowing
}

// index adds the files of one folder. Two files of a folder with the same id
// are a mistake: which of them counts would be chance.
func (c *Catalogue) index(fsys fs.FS, prefix string) error {
	seen := map[string]string{}
	for _, sub := range []string{".", "models", "recipes"} {
		files, err := fs.ReadDir(fsys, sub)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return aim.Failf(aim.ClassInput, "recipe folder %s%s: %v", prefix, sub, err)
		}
		for _, f := range files {
			if f.IsDir() || !isYAML(f.Name()) {
				continue
			}
			if err := c.indexFile(fsys, path.Join(sub, f.Name()), prefix, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Catalogue) indexFile(fsys fs.FS, name, prefix string, seen map[string]string) error {
	file := prefix + name
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return aim.Failf(aim.ClassInput, "%s: %v", file, err)
	}
	h, err := readHead(file, data)
	if err != nil {
		return err
	}
	id := h.key()
	if earlier := seen[id]; earlier != "" {
		return aim.Failf(aim.ClassInput, "%s: %s is defined in %s too", file, id, earlier).WithHint("give one of them another id")
	}
	seen[id] = file
	if h.recipe != "" {
		c.recipes[h.recipe] = entry{id: h.recipe, model: h.model, fsys: fsys, path: name, file: file}
		return nil
	}
	c.models[h.model] = entry{id: h.model, fsys: fsys, path: name, file: file}
	for _, n := range h.names {
		c.names[n] = h.model
	}
	return nil
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".json")
}

// Recipes lists the recipe ids, sorted.
func (c *Catalogue) Recipes() []string { return slices.Sorted(maps.Keys(c.recipes)) }

// Models lists the model ids that have a recipe or a model file, sorted.
func (c *Catalogue) Models() []string {
	ids := maps.Clone(c.models)
	for _, e := range c.recipes {
		ids[e.model] = e
	}
	return slices.Sorted(maps.Keys(ids))
}

// RecipesOf lists the ids of the recipes of a model, sorted.
func (c *Catalogue) RecipesOf(model string) []string {
	var ids []string
	for _, id := range c.Recipes() {
		if c.recipes[id].model == model {
			ids = append(ids, id)
		}
	}
	return ids
}

// Recipe reads the recipe with this id. An unknown id is a Failure of class
// no_recipe that names the nearest one, a malformed file one of class input.
func (c *Catalogue) Recipe(id string) (Recipe, error) {
	e, ok := c.recipes[id]
	if !ok {
		f := aim.Failf(aim.ClassNoRecipe, "there is no recipe %q", id).WithHint("list them with: aim recipe list")
		if near := aim.Nearest(id, c.Recipes()); near != "" {
			f.Why += fmt.Sprintf("; did you mean %q?", near)
		}
		return Recipe{}, f
	}
	data, err := fs.ReadFile(e.fsys, e.path)
	if err != nil {
		return Recipe{}, aim.Failf(aim.ClassInput, "%s: %v", e.file, err)
	}
	return Read(e.file, data)
}

// Model reads what is known of a model, by its id. A model without a file of
// its own, known from recipes alone, has nothing but its id.
func (c *Catalogue) Model(id string) (Model, error) {
	e, ok := c.models[id]
	if !ok {
		return Model{ID: id}, nil
	}
	data, err := fs.ReadFile(e.fsys, e.path)
	if err != nil {
		return Model{}, aim.Failf(aim.ClassInput, "%s: %v", e.file, err)
	}
	return readModel(e.file, data)
}
