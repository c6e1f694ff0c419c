package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

// Obligation: a model that no recipe runs is deployed from the config.json that
// a node reads on the hub.
func TestAModelWithoutARecipeIsDeployed(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	r := s.Aim(ctx, "plan", "simulated/tiny", "-o", "json")
	var p aim.Plan
	if err := json.Unmarshal([]byte(r.Out), &p); r.Code != 0 || err != nil || p.Rung == nil {
		t.Fatalf("plan ends with %d: %s%s", r.Code, r.Out, r.Err)
	}
	if !strings.HasSuffix(p.Rung.Recipe, "-derived") || p.Rung.Memory.Verdict != aim.VerdictFits || p.Placements[0].Outcome != aim.Place {
		t.Errorf("the plan is %+v", p)
	}
	apply(t, ctx, s, aim.DeploymentSpec{Model: "simulated/tiny", Name: "undescribed", ServedName: servedName("undescribed")})
	status := awaitReady(t, ctx, s, "undescribed")
	if got := status.Replicas[0]; got.Recipe != p.Rung.Recipe {
		t.Errorf("it runs %s, planned was %s", got.Recipe, p.Rung.Recipe)
	}
	checkServes(t, s, status)
	if m := status.Replicas[0].Memory; m == nil || m.Found["kv_tokens"] == 0 || m.Expected["kv_tokens"] == 0 {
		t.Errorf("the log's memory is not laid beside the estimate: %+v", m)
	}
	// A plan under its name is one of changing it; another model is refused, as deploy
	// would.
	if r := s.Aim(ctx, "plan", "simulated/tiny", "--name", "undescribed"); r.Code != 0 || !strings.Contains(r.Out, "served_name") {
		t.Errorf("plan ends with %d and does not tell the change: %s%s", r.Code, r.Out, r.Err)
	}
	if r := s.Aim(ctx, "plan", "Qwen/Qwen3-32B", "--name", "undescribed"); r.Code == 0 || !strings.Contains(r.Err, "is taken by a deployment of simulated/tiny") {
		t.Errorf("plan of another model ends with %d: %s", r.Code, r.Err)
	}
}

// Obligation: a change that cannot be is told to who asked for it before it is sent,
// and changes nothing.
func TestAChangeThatCannotBeIsToldAndChangesNothing(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	apply(t, ctx, s, named("firm", ""))
	before := awaitReady(t, ctx, s, "firm")
	r := s.Aim(ctx, "deploy", small, "--name", "firm", "--gpu-type", "MI999")
	if r.Code != 3 || !strings.Contains(r.Err, "MI999") {
		t.Errorf("a deployment on GPUs that are not there ends with %d: %s", r.Code, r.Err)
	}
	after := awaitReady(t, ctx, s, "firm")
	if after.Spec.GPUType != before.Spec.GPUType || after.Replicas[0].Attempt != 1 || after.Revision != before.Revision {
		t.Errorf("it is %+v now", after)
	}
	checkServes(t, s, after)
}

// Obligation: a name that nobody has is refused with the names that were
// probably meant, and a folder that no node allows with the reason.
func TestAModelThatNobodyCanDescribeIsRefused(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	for model, says := range map[string][]string{
		"Qwen/Qwen3-33B": {"no_recipe", "did you mean Qwen/Qwen3-32B", "does not exist"},
		"/etc":           {"not below a folder that this node allows"},
	} {
		r := s.Aim(ctx, "deploy", model, "--name", "nobody")
		for _, want := range says {
			if r.Code == 0 || !strings.Contains(r.Err, want) {
				t.Errorf("deploy %s ends with %d and does not say %q: %s", model, r.Code, want, r.Err)
			}
		}
	}
}

// Obligation: an estimate needs no fleet and no recipe: a config.json is enough.
func TestAnEstimateFromAFile(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	config, err := os.ReadFile(filepath.Join("..", "..", "recipes", "testdata", "config", "qwen3-32b.json"))
	must(t, err)
	file := filepath.Join(t.TempDir(), "config.json")
	must(t, os.WriteFile(file, config, 0o600))
	r := s.Aim(ctx, "estimate", "--config", file, "--gpu", "mi300x", "--gpus", "1", "-o", "json")
	var e aim.Estimate
	if err := json.Unmarshal([]byte(r.Out), &e); r.Code != 0 || err != nil || e.Verdict != aim.VerdictFits || e.Terms["kv_per_token"] != 262144 {
		t.Errorf("estimate ends with %d: %s%s", r.Code, r.Out, r.Err)
	}
}
