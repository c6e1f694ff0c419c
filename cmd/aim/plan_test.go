package main

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

// fleetOf makes nodes with this many free MI300X each.
func fleetOf(gpus ...int) aim.Fleet {
	var f aim.Fleet
	vram, minor := uint64(192<<30), 128
	for i, count := range gpus {
		n := aim.FleetNode{Liveness: aim.Alive, Node: aim.Node{
			ID: fmt.Sprintf("n%d", i+1), CPUs: 96, HostBytes: 2 << 40, HostFree: 2 << 40, DiskFree: 10 << 40, Runtimes: []string{"process"},
		}}
		for g := range count {
			n.GPUs = append(n.GPUs, aim.GPU{
				ID: fmt.Sprintf("GPU-%d%d", i+1, g), UUID: fmt.Sprintf("GPU-%d%d", i+1, g), Type: "MI300X", Partitions: 1,
				VRAMBytes: &vram, RenderMinor: &minor, Health: aim.HealthOK,
			})
		}
		f.Nodes = append(f.Nodes, n)
	}
	return f
}

var (
	wide   = aim.Rung{Number: 1, Recipe: "wide", GPUs: 8, Nodes: 1, GPUType: "MI300X"}
	narrow = aim.Rung{Number: 2, Recipe: "narrow", GPUs: 2, Nodes: 1, GPUType: "MI300X", On: []aim.Class{aim.ClassCapacity}}
	known  = display.FleetNote{Known: true}
)

// Each replica is placed as if those before it were there.
func TestPlanPlacesReplicasSideBySide(t *testing.T) {
	p := makePlan(aim.DeploymentSpec{Model: "m/m", Replicas: 3}, aim.Ladder{Rungs: []aim.Rung{wide}}, fleetOf(8, 8), known)
	require.Equal(t, "wide", p.Rung.Recipe)
	require.Len(t, p.Placements, 3)
	require.Equal(t, aim.Place, p.Placements[0].Outcome)
	require.Equal(t, aim.Place, p.Placements[1].Outcome)
	require.NotEqual(t, p.Placements[0].Placement.Ranks[0].Node, p.Placements[1].Placement.Ranks[0].Node)
	require.Equal(t, aim.Wait, p.Placements[2].Outcome)
	require.Equal(t, exitNoCapacity, codeOf(planOptions{}.verdict(newApp(streams{out: io.Discard, err: io.Discard}), p)))
}

// The fleet that was asked for is not touched by planning on it.
func TestPlanChangesNothing(t *testing.T) {
	fleet := fleetOf(8)
	before, err := json.Marshal(fleet)
	require.NoError(t, err)
	makePlan(aim.DeploymentSpec{Model: "m/m", Replicas: 4}, aim.Ladder{Rungs: []aim.Rung{narrow}}, fleet, known)
	after, err := json.Marshal(fleet)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
}

// A rung that can never fit is left for the next one that failures of capacity
// lead to.
func TestPlanWalksDownTheLadder(t *testing.T) {
	p := makePlan(aim.DeploymentSpec{Model: "m/m"}, aim.Ladder{Rungs: []aim.Rung{wide, narrow}}, fleetOf(4), known)
	require.Equal(t, "narrow", p.Rung.Recipe)
	require.Len(t, p.Skipped, 1)
	require.Equal(t, "wide", p.Skipped[0].Recipe)
	require.Equal(t, aim.Impossible, p.Skipped[0].Decision.Outcome)
	require.NoError(t, planOptions{}.verdict(newApp(streams{out: io.Discard, err: io.Discard}), p))
}

// While the best rung has to wait, the plan names one that would not have to.
func TestPlanNamesTheRungThatFitsNow(t *testing.T) {
	fleet := fleetOf(8)
	fleet.Nodes[0].Claims = []aim.Claim{{Identity: aim.Identity{Deployment: "other", UID: "u", Token: "t"}, GPUs: []string{"GPU-10"}}}
	p := makePlan(aim.DeploymentSpec{Model: "m/m"}, aim.Ladder{Rungs: []aim.Rung{wide, narrow}}, fleet, known)
	require.Equal(t, "wide", p.Rung.Recipe)
	require.Equal(t, aim.Wait, p.Placements[0].Outcome)
	require.Equal(t, "take rung 2, which fits now on n1 (--recipe narrow)", p.Placements[0].Cures[0])
}

func TestPlanWithoutAnyRoom(t *testing.T) {
	p := makePlan(aim.DeploymentSpec{Model: "m/m"}, aim.Ladder{Rungs: []aim.Rung{wide}}, fleetOf(4), known)
	require.Nil(t, p.Rung)
	require.Len(t, p.Skipped, 1)
	require.Equal(t, exitNoCapacity, codeOf(planOptions{}.verdict(newApp(streams{out: io.Discard, err: io.Discard}), p)))
}

// Without a fleet a plan tells all but the place, and says so.
func TestPlanWithoutFleet(t *testing.T) {
	alone(t)
	code, stdout, stderr := aimRun(t, "plan", "Qwen/Qwen3-32B")
	require.Equal(t, exitDone, code, stderr)
	for _, part := range []string{"qwen3-32b  Qwen/Qwen3-32B  1 replica", "recipe ", "MI300X", "weights", "kv_needed", "image ", "arguments", "--max-model-len", "fleet         not asked: NATS"} {
		require.Contains(t, stdout, part)
	}
	require.NotContains(t, stdout, "--port", "the address is the node's to choose")
	require.Contains(t, stderr, "next: aim up")

	dry, dryOut, _ := aimRun(t, "deploy", "Qwen/Qwen3-32B", "--dry-run")
	require.Equal(t, code, dry)
	require.Equal(t, stdout, dryOut, "deploy --dry-run is plan")
}

// The JSON of a plan is a contract.
func TestPlanForPrograms(t *testing.T) {
	alone(t)
	code, stdout, stderr := aimRun(t, "plan", "Qwen/Qwen3-32B", "--replicas", "2", "-o", "json")
	require.Equal(t, exitDone, code)
	require.Empty(t, stderr)
	var p display.Plan
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
	alone(t)
	code, stdout, _ := aimRun(t, "estimate", "Qwen/Qwen3-32B", "-o", "json")
	require.Equal(t, exitDone, code)
	var e estimate
	require.NoError(t, json.Unmarshal([]byte(stdout), &e))
	require.Equal(t, aim.VerdictFits, e.Verdict)
	require.Positive(t, e.Terms["weights"])

	code, stdout, _ = aimRun(t, "estimate", "Qwen/Qwen3-32B", "--gpus", "3", "-o", "json")
	require.Equal(t, exitNoCapacity, code)
	e = estimate{}
	require.NoError(t, json.Unmarshal([]byte(stdout), &e))
	require.Equal(t, aim.VerdictNo, e.Verdict)
	require.NotEmpty(t, e.Why)

	code, stdout, _ = aimRun(t, "estimate", "Qwen/Qwen3-32B")
	require.Equal(t, exitDone, code)
	require.Contains(t, stdout, "kv_needed")
}
