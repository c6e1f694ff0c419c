package recipes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim/recipes/importer"
)

// base is a model file with a place for a variant's own lines, in the words of
// vllm-project/recipes.
const base = `meta:
  hardware: {h200: verified, mi300x: verified, mi355x: verified}
model: {model_id: acme/Large, min_vllm_version: 0.20.0, base_args: [], base_env: {}%s}
variants:
  default: {precision: bf16, vram_minimum_gb: 140%s}
%s`

// What a foreign file says in another shape than expected is used where it can
// be, and else told; what a variant says of itself holds for its recipes.
func TestImportOfOtherShapes(t *testing.T) {
	for name, c := range map[string]struct {
		model, variant, more string
		want                 string // recipes, by kind of GPU and number
		says                 string // among changes and losses
	}{
		"a number for each GPU":      {"", ", tp: {mi300x: 2, mi355x: 1}", "", "2xmi300x 1xmi355x", ""},
		"a number for its maker":     {"", ", tp: {amd: 4, h200: 8}", "", "4xmi300x 4xmi355x", ""},
		"a number for others":        {"", ", tp: {h200: 8}", "", "1xmi300x 1xmi355x", "the file names none"},
		"a number as text":           {"", `, tp: "2"`, "", "2xmi300x 2xmi355x", ""},
		"a list for a number":        {"", ", tp: [1, 2]", "", "1xmi300x 1xmi355x", "variants.default.tp is left out: it is a list"},
		"arguments as a line":        {", base_args: --max-num-seqs 64", "", "", "1xmi300x 1xmi355x", ""},
		"environment as a list":      {"", ", extra_env: [VLLM_ROCM_USE_AITER=1, nonsense]", "", "1xmi300x 1xmi355x", "it is not NAME=value"},
		"features as a list":         {"", "", "features: [tool_calling]\n", "1xmi300x 1xmi355x", "features is left out: it is a list, not a map"},
		"for one GPU":                {"", ", supported_hardware: [mi355x]", "", "1xmi355x", "supported_hardware is mi355x"},
		"for another maker":          {"", ", precision_hardware: {brand: NVIDIA}", "  other: {precision: fp8, vram_minimum_gb: 70}\n", "1xmi300x 1xmi355x", "is for GPUs of NVIDIA"},
		"too large for one":          {"", "", "  big: {precision: fp32, vram_minimum_gb: 2000}\n", "1xmi300x 1xmi355x 8xmi355x", "a machine of 8 has 1484 GB to use"},
		"more GPUs than a machine":   {"", ", tp: 16", "  small: {precision: fp8, vram_minimum_gb: 70}\n", "1xmi300x 1xmi355x", "it takes 16 GPUs"},
		"a feature that is chosen":   {"", "", "features: {spec_decoding: {args: [--x]}}\n", "1xmi300x 1xmi355x", "feature spec_decoding is left out"},
		"settings of one kind alone": {"", ", hardware_overrides: {mi300x: {extra_args: [--attention-backend, ROCM_AITER_FA]}}", "", "1xmi300x 1xmi355x", ""},
		"a nightly build":            {", nightly_required: true", "", "", "1xmi300x 1xmi355x", "asks for a nightly build"},
	} {
		model := strings.Replace(c.model, ", base_args: --max-num-seqs 64", "", 1)
		text := fmt.Sprintf(base, model, c.variant, c.more)
		if model != c.model {
			text = strings.Replace(text, "base_args: []", "base_args: --max-num-seqs 64", 1)
		}
		made, err := importer.Import("f.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		said := slices.Clone(made.Left)
		for _, i := range made.Recipes {
			got = append(got, fmt.Sprintf("%dx%s", i.Recipe.Hardware.GPUCount, strings.ToLower(i.Recipe.Hardware.GPUType)))
			said = append(said, i.Changes...)
			own := i.Recipe.Config["attention_backend"] != nil
			if name == "settings of one kind alone" && own != (i.Recipe.Hardware.GPUType == "MI300X") {
				t.Errorf("%s: %s has %v", name, i.Recipe.ID, i.Recipe.Config)
			}
			if name == "arguments as a line" && i.Recipe.Config["max_num_seqs"] != 64 {
				t.Errorf("%s: %v", name, i.Recipe.Config)
			}
		}
		slices.Sort(got)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(got, want) || !strings.Contains(strings.Join(said, "\n"), c.says) {
			t.Errorf("%s: it makes %v, want %v; it says %q, want %q", name, got, want, said, c.says)
		}
	}
}
