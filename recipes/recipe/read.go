package recipe

import "github.com/aim-engine/aim/recipes/internal/yamlfile"

// Read reads and validates a recipe from data; file is its name in messages.
func Read(file string, data []byte) (Recipe, error) {
	var r Recipe
	doc, err := yamlfile.Decode(file, data, &r)
	if err != nil {
		return Recipe{}, err
	}
	r.doc = doc
	if err := r.Validate(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

// In says where the recipe stands, for messages.
func (r Recipe) In(doc *yamlfile.Document) Recipe {
	r.doc = doc
	return r
}
