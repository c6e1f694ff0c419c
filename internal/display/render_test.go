package display

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aim-engine/aim"
)

func TestStatusTexts(t *testing.T) {
	for name, s := range map[string]aim.Status{"pulling": pulling(), "ready": ready(), "waits": waits(), "failed": broken(), "crashing": crashing()} {
		t.Run(name, func(t *testing.T) {
			o, b := pipe()
			Status(o, s, noon)
			golden(t, "status-"+name, b.String())
		})
	}
}

func TestDeploymentTable(t *testing.T) {
	o, b := pipe()
	Deployments(o, []aim.Status{pulling(), ready(), waits(), broken()}, noon)
	golden(t, "ps", b.String())
}

func TestFleetTables(t *testing.T) {
	o, b := pipe()
	fleet := twoNodes()
	Nodes(o, fleet)
	golden(t, "node-list", b.String())
	for _, n := range fleet.Nodes {
		b.Reset()
		Node(o, n)
		golden(t, "node-show-"+n.ID, b.String())
	}
}

func TestGPUTables(t *testing.T) {
	o, b := pipe()
	GPUs(o, twoNodes().Nodes[0].Detection)
	golden(t, "gpu-list", b.String())
	b.Reset()
	GPUs(o, twoNodes().Nodes[1].Detection)
	golden(t, "gpu-list-none", b.String())
}

func TestPlanTexts(t *testing.T) {
	rungs := []aim.Rung{
		{Number: 1, Recipe: "big", Why: "it is tuned for latency", Model: "m/m", GPUs: 8, GPUType: "MI300X", Precision: "bf16", Backend: "vllm", Version: "0.22.1", Image: "rocm/vllm:v1",
			Memory: aim.Estimate{Verdict: aim.VerdictNarrow, Why: "3.1 % of the budget are left", Basis: "size of m/m: its index file",
				Terms: map[string]float64{"total": 206e9, "budget": 185e9, "weights": 131e9, "kv_tokens": 123456, "zeta": 1024}}, Env: map[string]string{"VLLM_ROCM_USE_AITER": "1"}},
		{Number: 2, Recipe: "small", Patch: "max-model-len 16384", On: []aim.FailureClass{aim.ClassOOM, aim.ClassKVNone}, Loses: "half of the context length", GPUs: 4, GPUType: "MI300X"},
		{Number: 3, Recipe: "other", GPUs: 2, GPUType: "MI300X"},
	}
	impossible := aim.Decision{Outcome: aim.Impossible, Nodes: 2, Reasons: []aim.Reason{{Rule: "GPUs", Text: "have fewer than 8 MI300X", Count: 2}}, Cures: []string{"--gpus 4"}}
	place := aim.Decision{Outcome: aim.Place, Placement: &aim.Placement{Ranks: []aim.Rank{{Node: "n1", GPUs: []string{"GPU-01", "GPU-02"}}}, Why: "n1 is left with the fewest fragments"}}
	wait := aim.Decision{Outcome: aim.Wait, Nodes: 2, Reasons: []aim.Reason{{Text: "have no free GPU", Count: 2}}}
	spec := aim.DeploymentSpec{Model: "m/m", Replicas: 2}
	ladder := aim.Ladder{Rungs: rungs, Rejected: []aim.Rejection{{Recipe: "fp8", Why: "it is for MI325X"}}}
	known := aim.PlanFleet{Known: true, Nodes: 2, GPUs: 16, Simulated: true}
	for name, p := range map[string]aim.Plan{
		"place": {Spec: spec, Ladder: ladder, Rung: &rungs[0], Placements: []aim.Decision{place, wait}, Fleet: known,
			Args: []string{"m/m", "--tensor-parallel-size", "8", "--enforce-eager", "--max-model-len", "32768"}},
		"skip":     {Spec: spec, Ladder: ladder, Rung: &rungs[1], Placements: []aim.Decision{place}, Fleet: known, Skipped: []aim.Skip{{Rung: 1, Recipe: "big", Decision: impossible}}},
		"none":     {Spec: spec, Ladder: ladder, Skipped: []aim.Skip{{Rung: 1, Recipe: "big", Decision: impossible}}, Fleet: known},
		"no-fleet": {Spec: spec, Ladder: ladder, Rung: &rungs[0], Fleet: aim.PlanFleet{Why: "NATS at nats://127.0.0.1:4222 does not answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			o, b := pipe()
			Plan(o, p)
			golden(t, "plan-"+name, b.String())
		})
	}
}

func TestEventTexts(t *testing.T) {
	o, b := pipe()
	Events(o, []Event{
		{Time: noon, Who: "qwen3-32b", Text: "wanted: Qwen/Qwen3-32B, 1 replica"},
		{Time: noon.Add(1500 * time.Millisecond), Who: "qwen3-32b/0", Text: "AwaitReady failed: GPU memory ran out", Bad: true},
	})
	golden(t, "events", b.String())
}

func TestMemoryOfUnknownSize(t *testing.T) {
	require.Empty(t, Memory(aim.Estimate{}))
	require.Equal(t, "unknown: the weights' size is not known", Memory(aim.Estimate{Why: "the weights' size is not known"}))
}

// One reason that turns many recipes away is told once.
func TestRejectionsByReason(t *testing.T) {
	got := rejections([]aim.Rejection{{Recipe: "a", Why: "it is large"}, {Recipe: "b", Why: "it is old"}, {Recipe: "c", Why: "it is large"}})
	if want := "a, c: it is large\nb: it is old\n"; got != want {
		t.Errorf("told as\n%swant\n%s", got, want)
	}
}
