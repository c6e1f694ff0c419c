package catalogue

import (
	"path"
	"slices"
	"sync"

	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/recipe"
)

// maxCached bounds how many models are kept; a fleet serves tens of them.
const maxCached = 64

// Known is what the catalogue has for one name: the model that it means, and
// the model's recipes in the order of their ids. Nobody changes it.
type Known struct {
	Name             string // that was asked for
	Model            model.Model
	Repo             string // Name is a repository of the model: only recipes that serve it count; "" = all do
	SameArchitecture bool   // Name is another model of the same architecture
	Recipes          []*recipe.Recipe
	Err              error // why there is nothing

	stamps []stamp // of everything it was read from
}

// cache keeps what the last requests needed, by the name that was asked for.
type cache struct {
	mu   sync.Mutex
	kept map[string]*Known
}

// Known finds what the catalogue has for a name. What it has kept counts for as
// long as the folders have the same files, and the files that it came from have
// not changed: then the answer is the same pointer.
func (c *Catalogue) Known(name string) *Known {
	c.cache.mu.Lock()
	k, ok := c.cache.kept[name]
	c.cache.mu.Unlock()
	if ok && !slices.ContainsFunc(k.stamps, func(s stamp) bool { return stamped(s.path) != s }) {
		return k
	}
	k = &Known{Name: name}
	for _, f := range c.folders {
		k.stamps = append(k.stamps, f.stamps()...)
	}
	k.Err = k.resolve(c)
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	if len(c.cache.kept) >= maxCached {
		clear(c.cache.kept)
	}
	c.cache.kept[name] = k
	return k
}

// read parses the files that were found. Their stamps are taken before, so that
// a change in between is seen the next time.
func (k *Known) read(f found, id string) (err error) {
	if f.model != nil {
		k.stamp(*f.model)
	}
	if k.Model, err = f.readModel(id); err != nil {
		return err
	}
	for _, name := range f.ids() {
		e := f.recipes[name]
		k.stamp(e)
		r, err := e.readRecipe()
		if err != nil {
			return err
		}
		k.Recipes = append(k.Recipes, &r)
	}
	return nil
}

func (k *Known) stamp(e entry) {
	if e.folder.dir != "" {
		k.stamps = append(k.stamps, stamped(path.Join(e.folder.dir, e.name)))
	}
}
