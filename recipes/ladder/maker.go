package ladder

import (
	"slices"

	"github.com/aim-engine/aim/recipes/catalogue"
	"github.com/aim-engine/aim/recipes/recipe"
)

// Maker makes ladders of a catalogue. It is not changed after New and may be
// shared.
type Maker struct {
	catalogue *catalogue.Catalogue
	tables    *recipe.Tables
	allowed   []string // reserved options that the operator allows
	cache     *cache
}

// New makes a Maker.
func New(c *catalogue.Catalogue) (*Maker, error) {
	t, err := recipe.LoadTables()
	if err != nil {
		return nil, err
	}
	return &Maker{catalogue: c, tables: t, cache: newCache()}, nil
}

// Allow returns a Maker that accepts the named options from users and recipes
// although they are reserved.
func (m *Maker) Allow(names ...string) *Maker {
	allowing := *m
	allowing.allowed = append(slices.Clone(m.allowed), names...)
	allowing.cache = newCache() // it keeps what was allowed then
	return &allowing
}
