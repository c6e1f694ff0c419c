package catalogue

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// Catalogue is all known models and recipes. It holds none of them: a request
// reads through the heads of the files and parses those of its own model, so
// that neither memory nor mistakes in other files grow with the catalogue. What
// the last requests needed is kept, and read again when a file changes. A
// Catalogue is not changed after Load and may be shared.
type Catalogue struct {
	folders []folder
	cache   *cache
}

// Load takes the catalogue in the binary and the user's folders, in this order.
// A folder holds *.yaml files of recipes and models, directly or in folders
// named recipes and models; a file replaces an earlier folder's with the same
// id. The error is a Failure that names the folder; files are read later, see
// Check.
func Load(dirs ...string) (*Catalogue, error) {
	c := &Catalogue{folders: []folder{{prefix: recipe.BuiltIn}}, cache: &cache{kept: map[string]*Known{}}}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, aim.Failf(aim.ClassInput, "recipe folder %s: it is not a readable folder", dir).
				WithHint("create it, or take it out of the settings")
		}
		c.folders = append(c.folders, folder{dir: dir, prefix: strings.TrimRight(dir, "/") + "/"})
	}
	return c, nil
}

// Check looks at every file for its ids. The error is a Failure that names the
// file which has none, or the same as another one of its folder.
func (c *Catalogue) Check() error {
	i, err := c.index()
	if err != nil {
		return err
	}
	return i.wrong
}

// Recipes lists the recipe ids, sorted. Files that cannot be read are left out;
// Check names them.
func (c *Catalogue) Recipes() []string {
	i, _ := c.index()
	return slices.Sorted(maps.Keys(i.recipes))
}

// Models lists the model ids that have a recipe or a model file, sorted.
func (c *Catalogue) Models() []string {
	i, _ := c.index()
	return i.all()
}

// Names lists every name that the catalogue knows a model by: ids of models,
// repositories of their weights, and models of the same shape, sorted.
func (c *Catalogue) Names() []string {
	i, _ := c.index()
	all := append(i.all(), slices.Collect(maps.Keys(i.names))...)
	slices.Sort(all)
	return slices.Compact(all)
}

// RecipesOf lists the ids of the recipes of a model, sorted.
func (c *Catalogue) RecipesOf(model string) []string {
	f, err := c.find(model)
	if err != nil {
		return nil
	}
	return f.ids()
}

// All reads every recipe, or those of one model, in the order of their ids. The
// error is that of the first file that cannot be used.
func (c *Catalogue) All(model string) ([]recipe.Recipe, error) {
	i, err := c.index()
	if err == nil {
		err = i.wrong
	}
	if err != nil {
		return nil, err
	}
	var all []recipe.Recipe
	for _, id := range slices.Sorted(maps.Keys(i.recipes)) {
		e := i.recipes[id]
		if model != "" && e.model != model {
			continue
		}
		r, err := e.readRecipe()
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// Recipe reads the recipe with this id. An unknown id is a Failure of class
// no_recipe that names the nearest one, a malformed file one of class input.
func (c *Catalogue) Recipe(id string) (recipe.Recipe, error) {
	i, err := c.index()
	if err != nil {
		return recipe.Recipe{}, err
	}
	e, ok := i.recipes[id]
	if !ok {
		return recipe.Recipe{}, i.unknownRecipe(id)
	}
	return e.readRecipe()
}

// Model reads what is known of a model, by its id. A model without a file of
// its own, known from recipes alone, has nothing but its id.
func (c *Catalogue) Model(id string) (model.Model, error) {
	f, err := c.find(id)
	if err != nil {
		return model.Model{}, err
	}
	return f.readModel(id)
}

func (i index) unknownRecipe(id string) error {
	f := aim.Failf(aim.ClassNoRecipe, "there is no recipe %q", id).WithHint("aim recipe list")
	if near := aim.Nearest(id, slices.Sorted(maps.Keys(i.recipes))); near != "" {
		f.Why += fmt.Sprintf("; did you mean %q?", near)
	}
	return f
}

func (e entry) readRecipe() (recipe.Recipe, error) {
	data, err := e.folder.read(e.name)
	if err != nil {
		return recipe.Recipe{}, aim.Failf(aim.ClassInput, "%s: %v", e.file, err)
	}
	return recipe.Read(e.file, data)
}

func (f found) readModel(id string) (model.Model, error) {
	if f.model == nil {
		return model.Model{ID: id}, nil
	}
	data, err := f.model.folder.read(f.model.name)
	if err != nil {
		return model.Model{}, aim.Failf(aim.ClassInput, "%s: %v", f.model.file, err)
	}
	return model.Read(f.model.file, data)
}
