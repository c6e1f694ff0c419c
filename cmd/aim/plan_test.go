package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/cmd/aim/internal/recipe"
)

// The JSON of a plan is a contract.
func TestPlanForPrograms(t *testing.T) {
	clitest.Alone(t)
	code, stdout, stderr := aimRun(t, "plan", "Qwen/Qwen3-32B", "--replicas", "2", "-o", "json")
	require.Equal(t, cli.ExitDone, code)
	require.Empty(t, stderr)
	var p aim.Plan
	require.NoError(t, json.Unmarshal([]byte(stdout), &p))
	require.Equal(t, 2, p.Spec.Replicas)
	require.Equal(t, 1, p.Rung.Number)
	require.Equal(t, aim.VerdictFits, p.Rung.Memory.Verdict)
	require.NotEmpty(t, p.Rung.Memory.Terms)
	require.Contains(t, p.Args, "--max-model-len")
	require.False(t, p.Fleet.Known)
	require.NotEmpty(t, p.Fleet.Why)
}

func TestEstimate(t *testing.T) {
	clitest.Alone(t)
	code, stdout, _ := aimRun(t, "estimate", "Qwen/Qwen3-32B", "-o", "json")
	require.Equal(t, cli.ExitDone, code)
	var e recipe.Estimate
	require.NoError(t, json.Unmarshal([]byte(stdout), &e))
	require.Equal(t, aim.VerdictFits, e.Verdict)
	require.Positive(t, e.Terms["weights"])

	code, stdout, _ = aimRun(t, "estimate", "Qwen/Qwen3-32B", "--gpus", "3", "-o", "json")
	require.Equal(t, cli.ExitNoCapacity, code)
	e = recipe.Estimate{}
	require.NoError(t, json.Unmarshal([]byte(stdout), &e))
	require.Equal(t, aim.VerdictNo, e.Verdict)
	require.NotEmpty(t, e.Why)

	code, stdout, _ = aimRun(t, "estimate", "Qwen/Qwen3-32B")
	require.Equal(t, cli.ExitDone, code)
	require.Contains(t, stdout, "kv_needed")
}

// Without a fleet a plan tells all but the place, and says so.
func TestPlanWithoutFleet(t *testing.T) {
	clitest.Alone(t)
	code, stdout, stderr := aimRun(t, "plan", "Qwen/Qwen3-32B")
	require.Equal(t, cli.ExitDone, code, stderr)
	for _, part := range []string{"qwen3-32b  Qwen/Qwen3-32B  1 replica", "recipe ", "MI300X", "weights", "kv_needed", "image ", "arguments", "--max-model-len", "fleet         not asked: NATS"} {
		require.Contains(t, stdout, part)
	}
	require.NotContains(t, stdout, "--port", "the address is the node's to choose")
	require.Contains(t, stderr, "next: aim up")

	dry, dryOut, _ := aimRun(t, "deploy", "Qwen/Qwen3-32B", "--dry-run")
	require.Equal(t, code, dry)
	require.Equal(t, stdout, dryOut, "deploy --dry-run is plan")
}
