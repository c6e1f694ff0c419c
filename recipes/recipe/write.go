package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

// YAML writes the recipe as a file of the catalogue, fields in their order and
// empty ones left out. Reading it gives the same recipe.
func (r Recipe) YAML() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, aim.Failf(aim.ClassInput, "recipe %s cannot be written: %v", r.ID, err)
	}
	var root yaml.Node // keeps the order of the fields, which a map does not
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("write recipe %s: %w", r.ID, err)
	}
	yamlfile.Walk(&root, func(n *yaml.Node) { n.Style = 0 }) // block style, quotes only where they are needed
	for _, f := range []struct {
		part, name string
		size       Size
	}{
		{"hardware", "memory_requirement", r.Hardware.Memory}, {"match", "min_vram", r.Match.MinVRAM},
		{"resources", "host_memory", r.Resources.HostMemory}, {"resources", "disk", r.Resources.Disk}, {"resources", "shm", r.Resources.Shm},
	} {
		if part := yamlfile.Child(root.Content[0], f.part); part != nil {
			writeSize(yamlfile.Child(part, f.name), f.size)
		}
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return nil, fmt.Errorf("write recipe %s: %w", r.ID, err)
	}
	return b.Bytes(), nil
}

// writeSize writes a size with its unit: a number alone would be gigabytes.
func writeSize(n *yaml.Node, size Size) {
	if n != nil {
		n.Tag, n.Value = "!!str", fmt.Sprintf("%dB", uint64(size))
		if size%1e9 == 0 {
			n.Value = fmt.Sprintf("%dGB", uint64(size)/1e9)
		}
	}
}
