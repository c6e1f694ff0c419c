package recipe

import (
	"embed"
	"fmt"
	"sync"

	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// BuiltIn begins the names of embedded files in messages.
const BuiltIn = "aim:"

//go:embed gpus.yaml defaults.yaml fallbacks.yaml
var tableFiles embed.FS

// Tables are the small embedded files that every request needs.
type Tables struct {
	GPUs     []GPUFacts
	Defaults map[string]BackendDefaults
	Rules    []Rule
}

// GPUFacts is what is known of a GPU type without having one at hand.
type GPUFacts struct {
	Type    string `yaml:"gpu_type"`
	Arch    string `yaml:"gfx"`
	VRAM    uint64 `yaml:"vram_bytes"`
	Nominal bool   `yaml:"nominal"` // VRAM is the advertised size, not a measured one
	Source  string `yaml:"source"`
}

// BackendDefaults is what a rung has where its recipe says nothing.
type BackendDefaults struct {
	Image   string         `yaml:"image"`
	Version string         `yaml:"backend_version"`
	Pins    map[string]any `yaml:"pins"` // options
	Source  string         `yaml:"source"`
}

// Rule is a fallback that goes for every recipe.
type Rule struct {
	ID       string `yaml:"id"`
	Fallback `yaml:",inline"`
}

// LoadTables decodes the tables once; they are never changed.
var LoadTables = sync.OnceValues(func() (*Tables, error) {
	t := &Tables{}
	for _, file := range []struct {
		name string
		into any
	}{{"gpus.yaml", &t.GPUs}, {"defaults.yaml", &t.Defaults}, {"fallbacks.yaml", &t.Rules}} {
		data, err := tableFiles.ReadFile(file.name)
		if err != nil {
			return nil, fmt.Errorf("read the embedded table %s: %w", file.name, err)
		}
		if _, err := yamlfile.Decode(BuiltIn+file.name, data, file.into); err != nil {
			return nil, err
		}
	}
	return t, nil
})

// GPU finds a GPU type in the table.
func (t *Tables) GPU(gpuType string) (GPUFacts, bool) {
	for _, g := range t.GPUs {
		if g.Type == gpuType {
			return g, true
		}
	}
	return GPUFacts{}, false
}

// Types lists the GPU types that are known.
func (t *Tables) Types() []string {
	var types []string
	for _, g := range t.GPUs {
		types = append(types, g.Type)
	}
	return types
}
