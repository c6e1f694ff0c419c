package model

import (
	"encoding/json"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

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
	if m.Config == nil {
		m.Shape = m.Architecture.shape()
		return m, nil
	}
	config, err := json.Marshal(m.Config)
	if err != nil {
		return Model{}, doc.Wrong([]string{"config"}, "%v", err)
	}
	described, _, err := ReadConfig(Description{Model: m.ID, Config: config, From: m.ConfigSource})
	if err != nil {
		return Model{}, doc.Wrong([]string{"config"}, "%s", aim.FailureOf(err).Why)
	}
	m.Shape = described.Shape
	if m.Parameters == 0 {
		m.Parameters, m.Source = described.Parameters, "counted from "+m.ConfigSource
	}
	return m, nil
}
