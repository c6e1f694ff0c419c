package recipes_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

func TestLadderOfAShare(t *testing.T) {
	box := fleet(group{8, "MI300X", mi300x})
	l, err := load(t).Ladder(aim.DeploymentSpec{Model: llama8, GPUMemory: 40 << 30}, box)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.Rungs {
		if r.ShareBytes != 40<<30 || r.GPUs != 1 {
			t.Errorf("rung %d has %d bytes of %d GPUs", r.Number, r.ShareBytes, r.GPUs)
		}
		// Captured graphs are in the share; on a whole GPU they are beside the budget.
		if total, budget := r.Memory.Terms["total"], r.Memory.Terms["budget"]; total != 40<<30 || budget > 37<<30 && r.Memory.Terms["graphs"] > 0 {
			t.Errorf("rung %d counts on %.0f of %.0f bytes", r.Number, budget, total)
		}
		if slices.ContainsFunc(r.Options, func(o aim.Option) bool { return strings.HasSuffix(o.Name, "utilization") }) {
			t.Errorf("rung %d has options %v; the node sets the budget", r.Number, r.Options)
		}
	}
}

func TestLadderRefusesAShare(t *testing.T) {
	box := fleet(group{8, "MI300X", mi300x})
	for name, c := range map[string]struct {
		spec  aim.DeploymentSpec
		class aim.FailureClass
		want  string
	}{
		"too small for the weights": {aim.DeploymentSpec{Model: qwen, GPUMemory: 40 << 30, Precision: "fp16"}, aim.ClassNoRecipe, "it does not fit on 1 GPU"},
		"more than a GPU":           {aim.DeploymentSpec{Model: qwen, GPUMemory: 191 << 30}, aim.ClassNoRecipe, "more than the 190.0 GiB that all shares of a MI300X may hold"},
		"beside the user's budget":  {aim.DeploymentSpec{Model: qwen, GPUMemory: 99 << 30, Args: []string{"--gpu-memory-utilization", "0.5"}}, aim.ClassInput, "give one of them"},
	} {
		_, err := load(t).Ladder(c.spec, box)
		if f := aim.FailureOf(err); f == nil || f.Class != c.class || !strings.Contains(f.Why, c.want) {
			t.Errorf("%s: %v, want %s: %q", name, err, c.class, c.want)
		}
	}
}
