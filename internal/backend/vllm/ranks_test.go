package vllm_test

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/vllm"
	"github.com/aim-engine/aim/recipes/options"
)

// Every rank has the same command line but for its number, and only the first
// serves HTTP; the server's own parser takes all of them.
func TestRankArgs(t *testing.T) {
	r := rung(func(r *aim.Rung) { r.GPUs, r.Nodes, r.Version, r.Options = 8, 2, "0.24.0", nil })
	const all = "Qwen/Qwen3-32B --served-model-name chat --host 0.0.0.0 --port 8000 --tensor-parallel-size 8 " +
		"--pipeline-parallel-size 2 --nnodes 2 --node-rank RANK --master-addr 10.0.0.1 --master-port 29501"
	for rank, want := range []string{strings.Replace(all, "RANK", "0", 1), strings.Replace(all, "RANK", "1", 1) + " --headless"} {
		args, env, err := vllm.New().RankArgs(r, vllm.Seat{Rank: rank, Head: "10.0.0.1", Host: "0.0.0.0", Port: 8000})
		if got := strings.Join(args, " "); err != nil || got != want || env["VLLM_ROCM_USE_AITER"] != "1" {
			t.Errorf("rank %d: %q (%v), want %q", rank, got, err, want)
			continue
		}
		table, err := options.For("vllm", r.Version)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Parse(args[1:]); err != nil {
			t.Errorf("rank %d: the server would refuse it: %v", rank, err)
		}
	}
}

func TestRankArgsRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		nodes, rank int
		head        string
		version     string
	}{
		"one node":         {1, 0, "10.0.0.1", "0.24.0"},
		"a rank too many":  {2, 2, "10.0.0.1", "0.24.0"},
		"no head":          {2, 1, "", "0.24.0"},
		"an older release": {2, 1, "10.0.0.1", "0.9.2"}, // which spans nodes by Ray alone
	} {
		r := rung(func(r *aim.Rung) { r.GPUs, r.Nodes, r.Version, r.Options, r.Env = 8, c.nodes, c.version, nil, nil })
		if args, _, err := vllm.New().RankArgs(r, vllm.Seat{Rank: c.rank, Head: c.head}); err == nil || aim.FailureOf(err).Class != aim.ClassOption {
			t.Errorf("%s: %v %v", name, args, err)
		}
	}
}
