package recipes

import (
	"os"

	"github.com/aim-engine/aim"
)

// ReadFile reads and validates one recipe file, as `aim recipe validate` does.
// The error is a Failure that begins with file:line:column.
func ReadFile(name string) (Recipe, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return Recipe{}, aim.Failf(aim.ClassInput, "recipe file %s cannot be read: %v", name, err)
	}
	return Read(name, data)
}

// Read reads and validates a recipe from data; file is its name in messages.
func Read(file string, data []byte) (Recipe, error) {
	var r Recipe
	doc, err := decode(file, data, &r)
	if err != nil {
		return Recipe{}, err
	}
	r.doc = doc
	if err := r.Validate(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

// readModel reads and validates a model file.
func readModel(file string, data []byte) (Model, error) {
	var m Model
	doc, err := decode(file, data, &m)
	if err != nil {
		return Model{}, err
	}
	if err := m.validate(doc); err != nil {
		return Model{}, err
	}
	return m, nil
}
