package options

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The tables are data: a file a backend, named after it.
//
//go:embed vllm.json sglang.json tgi.json
var tableFiles embed.FS

// backends lists the backends that have a table.
var backends = []string{"vllm", "sglang", "tgi"}

// source is the content of a table file: every option and environment name of
// a backend over all its versions.
type source struct {
	Backend   string     `json:"backend"`
	Refs      []ref      `json:"refs"`     // compared states of the source, oldest first
	Releases  []release  `json:"releases"` // oldest first
	Rules     rules      `json:"parser_rules"`
	Together  []together `json:"together"`
	Options   []Spec     `json:"options"`
	EnvPrefix string     `json:"environment_prefix"` // of the names that Env lists in full; "" = none are listed
	Env       []envName  `json:"environment"`
}

// rules are the liberties that a backend's own parser takes with a command
// line.
type rules struct {
	Underscores bool `json:"underscore_equals_dash"`
	Prefixes    bool `json:"unique_prefix_accepted"`
	LastWins    bool `json:"last_occurrence_wins"` // else an option that is given twice is refused
}

// together is what the server demands across two options.
type together struct {
	Option   string `json:"option"`
	Needs    string `json:"needs,omitempty"`
	Excludes string `json:"excludes,omitempty"`
	Hint     string `json:"hint,omitempty"`
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
	Name    string   `json:"name"` // without dashes
	Type    string   `json:"type"` // str, int, float, bool, json, str_or_json, human_int, human_int_or_auto, list, bool_or_str
	Aliases []string `json:"aliases,omitempty"`
	// Word is vLLM's name for the same setting, where this backend has another
	// one: recipes and deployments may use it for every backend.
	Word        string            `json:"word,omitempty"`
	Values      map[string]string `json:"values,omitempty"` // what vLLM writes -> what this backend does
	Choices     []string          `json:"choices,omitempty"`
	Negatable   bool              `json:"negatable,omitempty"`  // a flag that also exists as no-<name>
	Nullable    bool              `json:"nullable,omitempty"`   // accepts the text None
	Nargs       string            `json:"nargs,omitempty"`      // "+" one or more values, "?" none or one
	Repeatable  bool              `json:"repeatable,omitempty"` // may be given more than once
	Range       Range             `json:"range,omitzero"`
	FirstSeen   string            `json:"first_seen"`
	LastSeen    string            `json:"last_seen,omitempty"` // "" while the newest state has it
	Replacement string            `json:"replacement,omitempty"`
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

// read returns the table of a backend. Each is decoded once.
func read(backend string) (*source, error) {
	i := slices.Index(backends, backend)
	if i < 0 {
		return nil, fmt.Errorf("no option table for backend %q; there are tables for %s", backend, strings.Join(backends, ", "))
	}
	return decoded[i]()
}

// decoded are the tables, in the order of backends. A table that does not
// decode is a fault of the build, which every test would meet.
var decoded = func() []func() (*source, error) {
	var all []func() (*source, error)
	for _, backend := range backends {
		all = append(all, sync.OnceValues(func() (*source, error) { return decode(backend) }))
	}
	return all
}()

func decode(backend string) (*source, error) {
	data, err := tableFiles.ReadFile(backend + ".json")
	if err != nil {
		return nil, fmt.Errorf("read the embedded option table of %s: %w", backend, err)
	}
	var s source
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read the embedded option table of %s: %w", backend, err)
	}
	return &s, nil
}

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
