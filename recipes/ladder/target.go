package ladder

import (
	"sync"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/catalogue"
	"github.com/aim-engine/aim/recipes/model"
	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// target is the model that a deployment asks for, as the catalogue knows it.
type target struct {
	asked            string // as the user wrote it
	model            model.Model
	repo             string // only recipes that serve this repository; "" = any of the model's
	sameArchitecture bool   // asked is another model of the same architecture

	traits *model.Traits // of a model that no recipe runs; nil = there are recipes
}

// entry is a recipe as the selection takes it: one of the catalogue, or one that
// was made of something else.
type entry struct {
	*recipe.Recipe
	ported  string      // what it was made from, where it was written for another backend
	derived string      // what it was made from, where nobody has written it
	own     *ownOptions // its options on its own image; nil = not made yet
}

// known is what every ladder of one model begins with.
type known struct {
	target  target
	recipes []*entry
	err     error // why there is none
}

// cache keeps what the last requests needed: models as the catalogue has given
// them, and option tables, which are put together from one of all versions.
type cache struct {
	mu     sync.Mutex
	known  map[*catalogue.Known]*known
	tables map[backendVersion]*options.Table
}

// backendVersion names an option table.
type backendVersion struct{ backend, version string }

// maxCached bounds both; a fleet serves tens of models.
const maxCached = 64

func newCache() *cache {
	return &cache{known: map[*catalogue.Known]*known{}, tables: map[backendVersion]*options.Table{}}
}

// table is the option table of a backend's version.
func (c *cache) table(backend, version string) (*options.Table, error) {
	key := backendVersion{backend, version}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tables[key]; t != nil {
		return t, nil
	}
	t, err := options.For(backend, version)
	if err != nil {
		return nil, err
	}
	if len(c.tables) >= maxCached { // versions come from users' images, too
		clear(c.tables)
	}
	c.tables[key] = t
	return t, nil
}

// known prepares what the catalogue has for a name, once for each answer.
func (m *Maker) known(name string) *known {
	answer := m.catalogue.Known(name)
	m.cache.mu.Lock()
	k, ok := m.cache.known[answer]
	m.cache.mu.Unlock()
	if ok {
		return k
	}
	k = m.prepare(answer)
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	if len(m.cache.known) >= maxCached {
		clear(m.cache.known)
	}
	m.cache.known[answer] = k
	return k
}

func (m *Maker) prepare(answer *catalogue.Known) *known {
	k := &known{err: answer.Err}
	k.target = target{asked: answer.Name, model: answer.Model, repo: answer.Repo, sameArchitecture: answer.SameArchitecture}
	for _, r := range answer.Recipes {
		e := &entry{Recipe: r}
		e.own = m.ownOptions(e, k.target)
		k.recipes = append(k.recipes, e)
	}
	if k.err != nil || len(k.recipes) > 0 {
		return k
	}
	traits, ok := traitsOfModel(k.target.model)
	if !ok {
		k.err = aim.Failf(aim.ClassNoRecipe, "%s is known, but no recipe runs it", k.target.model.ID).WithHint("aim recipe list")
		return k
	}
	k.target.traits = &traits
	return k
}
