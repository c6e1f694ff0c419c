package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
)

const foreignProfile = `aim_id: acme/Large
model_id: acme/Large
metadata: {engine: vllm, gpu: MI300X, gpu_count: 2, metric: latency, precision: bf16, type: preview}
engine_args: {gpu-memory-utilization: 0.9, max-model-len: 8192, swap-space: 64}
env_vars: {VLLM_ROCM_USE_AITER: '1'}
`

// What is imported can be listed, validated and planned with; files that are
// there already are not written over.
func TestRecipeImport(t *testing.T) {
	clitest.Alone(t)
	dir := t.TempDir()
	file, out := filepath.Join(dir, "profile.yaml"), filepath.Join(dir, "recipes")
	require.NoError(t, os.WriteFile(file, []byte(foreignProfile), 0o600))

	code, stdout, stderr := aimRun(t, "recipe", "import", file)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Contains(t, stdout, "recipe_id: large-2xmi300x-bf16-latency\n")
	require.Contains(t, stderr, "--swap-space is dropped")

	code, stdout, stderr = aimRun(t, "recipe", "import", file, "--out", out)
	require.Equal(t, cli.ExitDone, code, stderr)
	made := filepath.Join(out, "large-2xmi300x-bf16-latency.yaml")
	require.Equal(t, made+"\n", stdout)

	code, _, stderr = aimRun(t, "recipe", "import", file, "--out", out)
	require.Equal(t, cli.ExitUsage, code)
	require.Contains(t, stderr, "is there already")
	code, stdout, _ = aimRun(t, "recipe", "import", file, "--out", out, "--force", "-o", "jsonl")
	require.Equal(t, cli.ExitDone, code)
	var line recipe.ImportedRecipe
	require.NoError(t, json.Unmarshal([]byte(stdout), &line))
	require.Equal(t, made, line.File)
	require.NotEmpty(t, line.Changes)

	code, _, stderr = aimRun(t, "recipe", "validate", made)
	require.Equal(t, cli.ExitDone, code, stderr)
	code, stdout, stderr = aimRun(t, "plan", "acme/Large", "--recipes", out)
	require.Equal(t, cli.ExitDone, code, stderr)
	require.Contains(t, stdout, "large-2xmi300x-bf16-latency (rung 1 of")

	code, _, stderr = aimRun(t, "recipe", "import", made)
	require.Equal(t, cli.ExitUsage, code)
	require.Contains(t, stderr, "it is a recipe of AIM Engine already")
}

// An estimate of a config.json answers with every term, also when the answer is
// no.
func TestEstimateOfAConfig(t *testing.T) {
	clitest.Alone(t)
	config := filepath.Join("..", "..", "recipes", "testdata", "config", "deepseek-r1.json")
	ask := func(want int, args ...string) recipe.Estimate {
		t.Helper()
		code, stdout, stderr := aimRun(t, append([]string{"estimate", "--config", config, "-o", "json"}, args...)...)
		require.Equal(t, want, code, stderr)
		var e recipe.Estimate
		require.NoError(t, json.Unmarshal([]byte(stdout), &e))
		require.Positive(t, e.Terms["weights"])
		return e
	}
	fits := ask(cli.ExitDone, "--gpu", "mi300x", "--gpus", "8", "--max-model-len", "32768")
	require.Equal(t, aim.VerdictFits, fits.Verdict)
	require.Equal(t, 70272.0, fits.Terms["kv_per_token"])
	require.Equal(t, 35136.0, ask(cli.ExitDone, "--gpus", "8", "--kv-cache-dtype", "fp8").Terms["kv_per_token"])
	require.Greater(t, ask(cli.ExitDone, "--gpus", "8", "--max-num-batched-tokens", "131072").Terms["activations"], fits.Terms["activations"])
	require.Less(t, ask(cli.ExitDone, "--gpus", "8", "--gpu-memory-utilization", "0.8").Terms["budget"], fits.Terms["budget"])
	require.Equal(t, aim.VerdictNo, ask(cli.ExitNoCapacity, "--gpus", "2").Verdict)
	staged := ask(cli.ExitDone, "--gpus", "16", "--pp", "2")
	require.Equal(t, 2, staged.Stages)
	require.Equal(t, 16, staged.GPUs)
	require.Equal(t, "bf16", ask(cli.ExitNoCapacity, "--gpus", "4", "--precision", "bf16").Precision)
}

func TestEstimateRefuses(t *testing.T) {
	clitest.Alone(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{"), 0o600))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":         {nil, cli.ExitUsage, "MODEL is missing"},
		"both":            {[]string{"a/b", "--config", dir}, cli.ExitUsage, "give one of them"},
		"no file":         {[]string{"--config", filepath.Join(dir, "none.json")}, cli.ExitUsage, "no file"},
		"not JSON":        {[]string{"--config", dir}, cli.ExitUsage, "config.json:1:"},
		"no stages":       {[]string{"Qwen/Qwen3-32B", "--pp", "0"}, cli.ExitUsage, "--pp is 0"},
		"bad share":       {[]string{"Qwen/Qwen3-32B", "--gpu-memory-utilization", "2"}, cli.ExitUsage, "at most 1"},
		"unknown offline": {[]string{"acme/none"}, cli.ExitFailed, "offline"},
	} {
		code, _, stderr := aimRun(t, append([]string{"estimate"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "next: ") {
			t.Errorf("%s: %d, %s; want %d with %q and a next command", name, code, stderr, c.code, c.says)
		}
	}
}
