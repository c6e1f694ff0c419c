package model

import "github.com/aim-engine/aim/recipes/internal/yamlfile"

// Read reads and validates a model file.
func Read(file string, data []byte) (Model, error) {
	var m Model
	doc, err := yamlfile.Decode(file, data, &m)
	if err != nil {
		return Model{}, err
	}
	if err := m.validate(doc); err != nil {
		return Model{}, err
	}
	return m, nil
}
