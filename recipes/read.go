package recipes

import (
	"os"

	"github.com/aim-engine/aim"
)

// CheckFile validates one file of a catalogue by itself, a recipe or a model,
// and returns its id, as `aim recipe validate` does. The error is a Failure that begins with file:line:column.
func CheckFile(name string) (id string, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", aim.Failf(aim.ClassInput, "%s cannot be read: %v", name, err)
	}
	if doc, err := loosely(name, data); err == nil && doc.has("model_id") && !doc.has("recipe_id") && !doc.has("hardware") && !doc.has("config") {
		m, err := readModel(name, data)
		return m.ID, err
	}
	r, err := Read(name, data)
	return r.ID, err
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
