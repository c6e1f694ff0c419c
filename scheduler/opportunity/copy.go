package opportunity

import (
	"maps"
	"slices"
)

// Copy is a Model that has seen the same and prices alike, and learns for itself
// from now on.
func (o *Model) Copy() *Model {
	c := *o // streams are made anew and never changed
	c.kinds, c.ps = slices.Clone(o.kinds), slices.Clone(o.ps)
	c.fragments, c.values = maps.Clone(o.fragments), maps.Clone(o.values)
	c.mix.counts, c.mix.order = make(map[Ask]*count, len(o.mix.counts)), make([]*count, len(o.mix.order))
	for i, seen := range o.mix.order {
		copied := *seen
		c.mix.order[i], c.mix.counts[seen.key] = &copied, &copied
	}
	return &c
}
