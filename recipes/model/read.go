package model

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

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
	if n := billions(m.Size); m.Parameters == 0 && n > 0 {
		m.Parameters, m.Source = n, "its size field"
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

var sizeWords = aim.Pattern(`^(?i)(\d+(?:\.\d+)?)\s*([bm])`)

// billions is the number of parameters that a size such as 32B or 600M names, 0
// for anything else.
func billions(size any) uint64 {
	m := sizeWords().FindStringSubmatch(strings.TrimSpace(fmt.Sprint(size)))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil || n > 1e6 {
		return 0
	}
	if strings.EqualFold(m[2], "m") {
		return uint64(n * 1e6)
	}
	return uint64(n * 1e9)
}
