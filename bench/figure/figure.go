// Package figure writes what a bench has measured, in the form that the
// benches share:
//
//	{"name":"deploy_overhead_ratio","value":1.21,"unit":"ratio","against":1.5}
package figure

import (
	"encoding/json"
	"io"
)

// Figure is one line of output.
type Figure struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Against float64 `json:"against"`
}

// Tell writes the figure as a line of JSON.
func (f Figure) Tell(w io.Writer) error { return json.NewEncoder(w).Encode(f) }

// Missing is a figure that cannot be measured here, and why: its value is null.
type Missing struct {
	Name    string   `json:"name"`
	Value   *float64 `json:"value"`
	Unit    string   `json:"unit"`
	Against float64  `json:"against"`
	Why     string   `json:"why"`
}

// Tell writes the figure as a line of JSON.
func (m Missing) Tell(w io.Writer) error { return json.NewEncoder(w).Encode(m) }
