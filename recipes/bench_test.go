package recipes_test

import (
	"fmt"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes"
)

// manyRecipes is a folder with so many recipe files, four for each model.
func manyRecipes(t testing.TB, n int) string {
	t.Helper()
	files := make(map[string]string, n)
	for i := range n {
		files[fmt.Sprintf("r%05d.yaml", i)] = fmt.Sprintf("recipe_id: model-%d-%d\nmodel_id: acme/model-%d\n"+
			"hardware: {gpu_type: MI300X, gpu_count: %d, memory_requirement: 80GB}\nprecision: bf16\nbackend: vllm\n"+
			"config:\n  max_model_len: 32768\n  gpu_memory_utilization: 0.9\nevidence:\n  - source: made up for a measurement\n", i/4, i%4, i/4, 1<<(i%4))
	}
	return folder(t, files)
}

// BenchmarkColdLadder is one request to a catalogue of 10,000 files that
// nothing is kept of.
func BenchmarkColdLadder(b *testing.B) {
	dir := manyRecipes(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		c, err := recipes.Load(dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Ladder(aim.DeploymentSpec{Model: "acme/model-7"}, aim.Fleet{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLadder is one request for a model that was asked for before.
func BenchmarkLadder(b *testing.B) {
	box := fleet(group{8, "MI300X", mi300x})
	for _, model := range []string{qwen, llama70, gptOSS, r1} {
		b.Run(model, func(b *testing.B) {
			c := load(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Ladder(aim.DeploymentSpec{Model: model}, box); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
