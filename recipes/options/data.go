package options

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

//go:embed vllm.json
var vllmJSON []byte

// source is the content of a table file: every option and environment name of
// a backend over all its versions.
type source struct {
	Backend  string    `json:"backend"`
	Refs     []ref     `json:"refs"`     // compared states of the source, oldest first
	Releases []release `json:"releases"` // oldest first
	Options  []Spec    `json:"options"`
	Env      []envName `json:"environment"`
}

// ref is one compared state of the backend's source code.
type ref struct {
	Label string `json:"label"`
	Date  string `json:"date"`
}

// release says which compared state stands for a release and for those after
// it, up to the next entry.
type release struct {
	Version string `json:"version"`
	Ref     string `json:"ref"`
}

type envName struct {
	Name      string `json:"name"`
	FirstSeen string `json:"first_seen,omitempty"`
	LastSeen  string `json:"last_seen,omitempty"`
}

// Spec is what is known of one option.
type Spec struct {
	Name        string   `json:"name"` // without dashes
	Type        string   `json:"type"` // str, int, float, bool, json, str_or_json, human_int, human_int_or_auto, list, bool_or_str
	Aliases     []string `json:"aliases,omitempty"`
	Choices     []string `json:"choices,omitempty"`
	Negatable   bool     `json:"negatable,omitempty"`  // a flag that also exists as no-<name>
	Nullable    bool     `json:"nullable,omitempty"`   // accepts the text None
	Nargs       string   `json:"nargs,omitempty"`      // "+" one or more values, "?" none or one
	Repeatable  bool     `json:"repeatable,omitempty"` // may be given more than once
	Range       Range    `json:"range,omitzero"`
	FirstSeen   string   `json:"first_seen"`
	LastSeen    string   `json:"last_seen,omitempty"` // "" while the newest state has it
	Replacement string   `json:"replacement,omitempty"`
}

// Range bounds a number; a nil bound does not.
type Range struct {
	GT *float64 `json:"gt,omitempty"`
	GE *float64 `json:"ge,omitempty"`
	LT *float64 `json:"lt,omitempty"`
	LE *float64 `json:"le,omitempty"`
}

// flag tells whether the option takes no value.
func (s Spec) flag() bool { return s.Type == "bool" }

// readVLLM decodes the embedded table once. A table that does not decode is a
// fault of the build, which every test would meet.
var readVLLM = sync.OnceValues(func() (*source, error) {
	var s source
	if err := json.Unmarshal(vllmJSON, &s); err != nil {
		return nil, fmt.Errorf("read the embedded vLLM option table: %w", err)
	}
	return &s, nil
})

// refIndex is the position of a compared state in time, -1 when unknown.
func (s *source) refIndex(label string) int {
	for i, r := range s.Refs {
		if r.Label == label {
			return i
		}
	}
	return -1
}

// refName names a compared state for people: a release by its tag, a state of
// the main branch by its date.
func (s *source) refName(label string) string {
	i := s.refIndex(label)
	if i < 0 || label[0] == 'v' {
		return label
	}
	return "the source of " + s.Refs[i].Date
}
