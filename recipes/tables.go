package recipes

import (
	"embed"
	"fmt"
	"sync"
)

// builtIn begins the names of embedded files in messages.
const builtIn = "aim:"

//go:embed gpus.yaml defaults.yaml fallbacks.yaml
var tableFiles embed.FS

// tables are the small embedded files that every request needs.
type tables struct {
	gpus     []gpuFacts
	defaults map[string]backendDefaults
	rules    []rule
}

// gpuFacts is what is known of a GPU type without having one at hand.
type gpuFacts struct {
	Type    string `yaml:"gpu_type"`
	Arch    string `yaml:"gfx"`
	VRAM    uint64 `yaml:"vram_bytes"`
	Nominal bool   `yaml:"nominal"` // VRAM is the advertised size, not a measured one
	Source  string `yaml:"source"`
}

// backendDefaults is what a rung has where its recipe says nothing.
type backendDefaults struct {
	Image   string         `yaml:"image"`
	Version string         `yaml:"backend_version"`
	Pins    map[string]any `yaml:"pins"` // options
	Source  string         `yaml:"source"`
}

// rule is a fallback that goes for every recipe.
type rule struct {
	ID       string `yaml:"id"`
	Fallback `yaml:",inline"`
}

// embeddedTables decodes the tables once; they are never changed.
var embeddedTables = sync.OnceValues(func() (*tables, error) {
	t := &tables{}
	for _, file := range []struct {
		name string
		into any
	}{{"gpus.yaml", &t.gpus}, {"defaults.yaml", &t.defaults}, {"fallbacks.yaml", &t.rules}} {
		data, err := tableFiles.ReadFile(file.name)
		if err != nil {
			return nil, fmt.Errorf("read the embedded table %s: %w", file.name, err)
		}
		if _, err := decode(builtIn+file.name, data, file.into); err != nil {
			return nil, err
		}
	}
	return t, nil
})

// gpu finds a GPU type in the table.
func (t *tables) gpu(gpuType string) (gpuFacts, bool) {
	for _, g := range t.gpus {
		if g.Type == gpuType {
			return g, true
		}
	}
	return gpuFacts{}, false
}
