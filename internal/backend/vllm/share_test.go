package vllm_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/backend/vllm"
)

var _ node.Sharer = vllm.New()

const (
	mi300x = 206_141_652_992 // bytes of an MI300X
	graphs = 3 << 30         // what captured graphs take beside the budget
)

// TestShare: what the server may take by vLLM's own rule, and its graphs, stay
// within the share, and use all but a millionth of the GPU.
func TestShare(t *testing.T) {
	for name, c := range map[string]struct {
		options []aim.Option
		beside  uint64
	}{
		"plain":                   {nil, graphs},
		"the recipe's own budget": {[]aim.Option{{Name: "gpu-memory-utilization", Value: "0.95"}, {Name: "kv-cache-memory-bytes", Value: "99"}}, graphs},
		"without graphs":          {[]aim.Option{{Name: "enforce-eager", Bare: true}}, 0},
	} {
		for share := uint64(8 << 30); share <= 190<<30; share += 7<<30 + 12345 {
			got, err := vllm.New().Share(rung(func(r *aim.Rung) { r.Options = c.options }), share, mi300x)
			if err != nil {
				t.Fatal(err)
			}
			values := map[string]string{}
			for _, o := range got.Options {
				values[o.Name] = o.Value
			}
			utilization, err := strconv.ParseFloat(values["gpu-memory-utilization"], 64)
			budget := uint64(math.Ceil(mi300x * utilization))
			if err != nil || budget+c.beside > share || budget+c.beside < share-mi300x/1_000_000-1 {
				t.Errorf("%s: share %d: utilization %s is a budget of %d", name, share, values["gpu-memory-utilization"], budget)
			}
			if _, kept := values["kv-cache-memory-bytes"]; kept {
				t.Errorf("%s: the KV cache has a size of its own", name)
			}
		}
	}
}

func TestShareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*aim.Rung)
		share, total uint64
	}{
		"more than the GPU":   {nil, mi300x + 1, mi300x},
		"less than graphs":    {func(r *aim.Rung) { r.Options = nil }, graphs, mi300x},
		"several GPUs":        {func(r *aim.Rung) { r.GPUs = 2 }, 40 << 30, mi300x},
		"a version of nobody": {func(r *aim.Rung) { r.Version = "zero" }, 40 << 30, mi300x},
		"a GPU without bytes": {nil, 40 << 30, 0},
	} {
		if got, err := vllm.New().Share(rung(c.change), c.share, c.total); aim.FailureOf(err) == nil {
			t.Errorf("%s: %+v", name, got.Options)
		}
	}
}
