package recipes

import (
	"github.com/aim-engine/aim/recipes/catalogue"
	"github.com/aim-engine/aim/recipes/ladder"
	"github.com/aim-engine/aim/recipes/model"
)

// Description is what a model says of itself, for one that no recipe is for.
type Description = model.Description

// Question asks what a model would hold in GPU memory.
type Question = ladder.Question

// Appraisal is the answer to a Question, and Facts what it says of the model.
type (
	Appraisal = ladder.Appraisal
	Facts     = ladder.Facts
)

// Catalogue is the catalogue with what follows from it. It may be shared.
type Catalogue struct {
	*catalogue.Catalogue
	*ladder.Maker
}

// Load takes the catalogue in the binary and the user's folders, in this order;
// see catalogue.Load.
func Load(dirs ...string) (*Catalogue, error) {
	c, err := catalogue.Load(dirs...)
	if err != nil {
		return nil, err
	}
	m, err := ladder.New(c)
	if err != nil {
		return nil, err
	}
	return &Catalogue{Catalogue: c, Maker: m}, nil
}
