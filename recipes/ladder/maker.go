package ladder

import (
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

// remoteCode makes a server run code of the model's repository. A ladder may have
// it: whether it starts is the node's to say (node.remote_code), which also knows
// whether the repository brings any.
const remoteCode = "trust-remote-code"

// New makes a Maker.
func New(c *catalogue.Catalogue) (*Maker, error) {
	t, err := recipe.LoadTables()
	if err != nil {
		return nil, err
	}
	return &Maker{catalogue: c, tables: t, allowed: []string{remoteCode}, cache: newCache()}, nil
}
