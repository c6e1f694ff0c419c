package recipes

import (
	"path"
	"slices"
	"sync"

	"github.com/aim-engine/aim/recipes/options"
)

// maxWarm bounds how many models are kept; a fleet serves tens of them.
const maxWarm = 64

// known is what the catalogue has for one name: the model that it means, and
// the model's recipes in the order of their ids. Nobody changes it.
type known struct {
	target  target
	recipes []Recipe
	err     error // why there is none

	stamps []stamp // of everything it was read from
}

// warm keeps what the last requests needed: models by the name that was asked
// for, and option tables, which are put together from one of all versions.
type warm struct {
	mu     sync.Mutex
	kept   map[string]known
	tables map[backendVersion]*options.Table
}

// backendVersion names an option table.
type backendVersion struct{ backend, version string }

func newWarm() *warm {
	return &warm{kept: map[string]known{}, tables: map[backendVersion]*options.Table{}}
}

// table is the option table of a backend's version.
func (w *warm) table(backend, version string) (*options.Table, error) {
	key := backendVersion{backend, version}
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tables[key]; t != nil {
		return t, nil
	}
	t, err := options.For(backend, version)
	if err != nil {
		return nil, err
	}
	if len(w.tables) >= maxWarm { // versions come from users' images, too
		clear(w.tables)
	}
	w.tables[key] = t
	return t, nil
}

// known finds what the catalogue has for a name. What it has kept counts for as
// long as the folders have the same files, and the files that it came from have
// not changed.
func (c *Catalogue) known(name string) known {
	c.warm.mu.Lock()
	k, ok := c.warm.kept[name]
	c.warm.mu.Unlock()
	if ok && !slices.ContainsFunc(k.stamps, func(s stamp) bool { return stamped(s.path) != s }) {
		return k
	}
	k = known{}
	for _, f := range c.folders {
		k.stamps = append(k.stamps, f.stamps()...)
	}
	k.resolve(c, name)
	c.warm.mu.Lock()
	defer c.warm.mu.Unlock()
	if len(c.warm.kept) >= maxWarm {
		clear(c.warm.kept)
	}
	c.warm.kept[name] = k
	return k
}

// read parses the files that were found. Their stamps are taken before, so that
// a change in between is seen the next time.
func (k *known) read(f found, id string) (err error) {
	if f.model != nil {
		k.stamp(*f.model)
	}
	if k.target.model, err = f.readModel(id); err != nil {
		return err
	}
	for _, recipe := range f.ids() {
		e := f.recipes[recipe]
		k.stamp(e)
		r, err := e.readRecipe()
		if err != nil {
			return err
		}
		k.recipes = append(k.recipes, r)
	}
	return nil
}

func (k *known) stamp(e entry) {
	if e.folder.dir != "" {
		k.stamps = append(k.stamps, stamped(path.Join(e.folder.dir, e.name)))
	}
}
