package ladder

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aim-engine/aim/recipes/options"
	"github.com/aim-engine/aim/recipes/recipe"
)

// portable are the settings that mean the same to every backend. The share of
// memory is none of them: what it is a share of differs (mem-fraction-static of
// SGLang is of weights and KV cache alone), so each backend keeps its own. TGI reads a
// prompt in one step, so a recipe's smaller steps are not for it.
var portable = []string{"max-model-len", "dtype", "quantization", "kv-cache-dtype", "max-num-batched-tokens", "max-num-seqs"}

// forBackend makes of a recipe one for another backend, for a deployment that
// asks for it: the model, its weights and its GPUs stay, with those settings that
// the other backend has too. Image, environment, kernels and fallbacks are of the
// backend that the recipe was written for, and so is its evidence.
func (r *entry) forBackend(backend string, t *recipe.Tables) *entry {
	if backend == "" || backend == r.Backend {
		return r
	}
	from, err := options.For(r.Backend, r.ServerVersion())
	if err != nil {
		return r // said when the recipe itself is refused
	}
	to, err := options.For(backend, t.Defaults[backend].Version)
	if err != nil {
		return r
	}
	ported := *r.Recipe
	ported.Versions = recipe.Versions{}
	ported.Backend, ported.Image, ported.BackendVersion, ported.Env = backend, "", "", nil
	ported.Fallbacks, ported.Evidence, ported.Maturity, ported.Metric, ported.Note = nil, nil, "", "", ""
	ported.Config, ported.Features = map[string]any{}, spokenBy(r.Features, to)
	for _, name := range slices.Sorted(maps.Keys(r.Config)) {
		word := from.Word(strings.ReplaceAll(name, "_", "-"))
		if _, _, problem := to.FromValue(word, r.Config[name]); problem == nil && slices.Contains(portable, word) && !(backend == "tgi" && word == "max-num-batched-tokens") {
			ported.Config[word] = r.Config[name]
		}
	}
	return &entry{Recipe: &ported, ported: fmt.Sprintf("written for %s, with those of its settings that %s has too", r.Backend, backend)}
}

// spokenBy drops the parsers that a backend does not know by any name.
func spokenBy(f recipe.Features, table *options.Table) recipe.Features {
	if _, _, problem := table.FromValue("tool-call-parser", f.ToolCallParser); problem != nil {
		f.ToolCallParser = ""
	}
	if _, _, problem := table.FromValue("reasoning-parser", f.ReasoningParser); problem != nil {
		f.ReasoningParser = ""
	}
	return f
}
