package aim

import (
	"strings"
)

// Companion is a repository that a replica needs besides its model. It is fetched
// with it, since a server is started without the network.
type Companion struct {
	Kind     CompanionKind `json:"kind"`
	Model    string        `json:"model"` // repository
	Revision string        `json:"revision,omitempty"`
	Option   string        `json:"option,omitempty"` // the option that names it, without dashes; "" = the field adapters
	Name     string        `json:"name,omitempty"`   // of an adapter: the model name in the API
	Base     string        `json:"base,omitempty"`   // of an adapter: the model that it must be for
}

// User is who a server runs as.
type User struct {
	UID, GID int
	Groups   []int // besides GID
}

// CompanionKind says which files of a companion are needed.
type CompanionKind string

// The kinds.
const (
	CompanionModel     CompanionKind = "model"     // a whole one: a draft model
	CompanionTokenizer CompanionKind = "tokenizer" // configuration and tokenizer, no weights
	CompanionAdapter   CompanionKind = "adapter"   // a LoRA adapter
)

// Adapter is a LoRA adapter that is served beside the model, under a name of its
// own.
type Adapter struct {
	Name     string `json:"name"`  // model name in the API
	Model    string `json:"model"` // repository of the adapter
	Revision string `json:"revision,omitempty"`
}

// MaxAdapters bounds the adapters of one deployment: vLLM keeps each in GPU memory.
const MaxAdapters = 32

var adapterName = Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)

// ParseAdapter reads NAME=REPOSITORY[@REVISION].
func ParseAdapter(s string) (Adapter, error) {
	name, rest, ok := strings.Cut(s, "=")
	model, revision, _ := strings.Cut(rest, "@")
	a := Adapter{Name: name, Model: model, Revision: revision}
	if !ok {
		return a, inputError("adapter %q: write NAME=REPOSITORY, or NAME=REPOSITORY@REVISION", s)
	}
	return a, a.validate()
}

func (a Adapter) validate() error {
	if !adapterName().MatchString(a.Name) {
		return inputError("adapters: name %q: letters, digits, dots, dashes and underscores, up to 96", a.Name)
	}
	if !modelPattern().MatchString(a.Model) || !strings.Contains(a.Model, "/") {
		return inputError("adapters: %s: %q is not the owner/name of a repository", a.Name, a.Model)
	}
	return nil
}

func checkAdapters(s DeploymentSpec) error {
	if len(s.Adapters) > MaxAdapters {
		return inputError("adapters: %d are too many; a deployment serves up to %d", len(s.Adapters), MaxAdapters)
	}
	seen := map[string]bool{s.ServedName: true, s.Model: true}
	for _, a := range s.Adapters {
		if err := a.validate(); err != nil {
			return err
		}
		if seen[a.Name] {
			return inputError("adapters: the name %q is used twice; each needs one of its own, other than the model's", a.Name)
		}
		if strings.EqualFold(a.Model, s.Model) {
			return inputError("adapters: %s: %s is the model itself", a.Name, a.Model)
		}
		seen[a.Name] = true
	}
	if len(s.Adapters) > 0 && s.Backend != "" && s.Backend != "vllm" {
		return inputError("adapters are served by vllm, not by %s; leave backend out", s.Backend)
	}
	return nil
}

// String is how it is asked for: see ParseAdapter.
func (a Adapter) String() string {
	if a.Revision == "" {
		return a.Name + "=" + a.Model
	}
	return a.Name + "=" + a.Model + "@" + a.Revision
}
