package e2e

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/workflows"
)

// Obligation: control and nodes tell Prometheus how the fleet is and what has
// been done: every GPU in one state, replicas by phase, each step with its
// duration and how it ended, placement, how fresh the inventory is, and the
// Temporal SDK's own metrics.
func TestMetricsTellOfADeployment(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	control := metricsAddress(t, s, stack.Control)
	node := metricsAddress(t, s, stack.NodeProcess("n1"))
	before, beforeNode := scrape(t, ctx, control), scrape(t, ctx, node)

	wish := named("metered", "oom@first=1")
	wish.Selector = map[string]string{"node": "n1"}
	apply(t, ctx, s, wish)
	awaitReady(t, ctx, s, "metered")

	t.Run("steps of control", func(t *testing.T) {
		checkSteps(t, before, scrape(t, ctx, control), map[step]uint64{
			{activities.SelectRecipes, ""}: 1, {activities.Place, ""}: 1, // the next rung needs no other GPUs, and keeps the claim
		})
	})
	t.Run("steps of the node", func(t *testing.T) {
		checkSteps(t, beforeNode, scrape(t, ctx, node), map[step]uint64{
			{activities.Claim, ""}: 2, {activities.PullImage, ""}: 2, {activities.FetchModel, ""}: 2, {activities.Start, ""}: 2,
			{activities.AwaitReady, ""}: 1, {activities.AwaitReady, aim.ClassOOM}: 1,
			{activities.Stop, ""}: 1,
		})
	})
	t.Run("placement", func(t *testing.T) {
		placed := func(f families) uint64 {
			return count(f, "aim_placement_duration_seconds", labels{"outcome": string(aim.Place)})
		}
		if n := placed(scrape(t, ctx, control)) - placed(before); n != 1 {
			t.Errorf("%d placements were timed, want 1", n)
		}
	})
	t.Run("GPUs", func(t *testing.T) { checkGPUs(t, ctx, s, control, node) })
	t.Run("inventory age", func(t *testing.T) { checkAges(t, scrape(t, ctx, control)) })
	t.Run("Temporal SDK", func(t *testing.T) {
		for process, f := range map[string]families{"control": scrape(t, ctx, control), "node": scrape(t, ctx, node)} {
			if sum(f, "temporal_request", nil) == 0 || sum(f, "temporal_num_pollers", nil) == 0 {
				t.Errorf("%s tells nothing of its requests to Temporal or its pollers", process)
			}
		}
	})
	t.Run("names", func(t *testing.T) { checkNames(t, scrape(t, ctx, control)); checkNames(t, scrape(t, ctx, node)) })
	t.Run("replicas", func(t *testing.T) { checkReplicas(t, ctx, s, control) })
}

// Obligation: both processes answer the questions of whoever looks after them.
func TestHealthPages(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	for _, process := range []string{stack.Control, stack.NodeProcess("n1"), stack.NodeProcess("n2")} {
		address := metricsAddress(t, s, process)
		if !strings.HasPrefix(address, "127.0.0.1:") {
			t.Errorf("%s listens on %s, not on loopback alone", process, address)
		}
		for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/nothing": 404} {
			if got := fetch(t, ctx, "http://"+address+path).code; got != want {
				t.Errorf("%s of %s answers %d, want %d", path, process, got, want)
			}
		}
	}
}

// step is a step and how it ended; class "" is well.
type step struct {
	name  string
	class aim.FailureClass
}

// checkSteps asserts how often each step was timed between two scrapes, and that
// the time was more than nothing.
func checkSteps(t *testing.T, before, after families, want map[step]uint64) {
	t.Helper()
	const name = "aim_step_duration_seconds"
	for s, n := range want {
		match := labels{"step": s.name, "class": string(s.class)}
		if got := count(after, name, match) - count(before, name, match); got != n {
			t.Errorf("step %s of class %q was timed %d times, want %d", s.name, s.class, got, n)
		}
		if sum(after, name, match) <= 0 {
			t.Errorf("step %s of class %q took no time", s.name, s.class)
		}
	}
}

// checkGPUs asserts that control counts every GPU of the two simulated nodes
// once, as claimed those of the ledgers, and that a node counts its own.
func checkGPUs(t *testing.T, ctx context.Context, s *stack.Stack, control, n1 string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // control hears of claims a moment later
	defer cancel()
	claims, err := s.Claims()
	must(t, err)
	held := 0
	for _, c := range claims {
		held += len(c.GPUs)
	}
	var f families
	err = stack.Eventually(ctx, func() (bool, error) {
		f = scrape(t, ctx, control)
		return sum(f, "aim_gpus", labels{"state": string(aim.GPUClaimed)}) == float64(held), nil
	})
	if err != nil {
		t.Errorf("the ledgers hold %d GPUs, control counts %v as claimed", held, sum(f, "aim_gpus", labels{"state": string(aim.GPUClaimed)}))
	}
	for _, n := range []string{"n1", "n2"} {
		if got := sum(f, "aim_gpus", labels{"node": n}); got != 8 {
			t.Errorf("control counts %v GPUs of %s, want 8", got, n)
		}
	}
	own := scrape(t, ctx, n1)
	if all, claimed := sum(own, "aim_gpus", nil), sum(own, "aim_gpus", labels{"state": string(aim.GPUClaimed)}); all != 8 || claimed != float64(held) {
		t.Errorf("n1 counts %v GPUs, %v of them claimed; want 8 and %d", all, claimed, held)
	}
	if got := sum(own, "aim_endpoints", labels{"healthy": "true"}); got != 1 {
		t.Errorf("n1 counts %v healthy endpoints, want 1", got)
	}
}

// checkReplicas asserts that the leader counts as many replicas in each phase as
// Temporal lists. It counts every few seconds.
func checkReplicas(t *testing.T, ctx context.Context, s *stack.Stack, control string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var listed, counted map[string]int
	err := stack.Eventually(ctx, func() (bool, error) {
		counted = map[string]int{}
		for _, m := range scrape(t, ctx, control)["aim_replicas"].GetMetric() {
			if n := int(m.GetGauge().GetValue()); n > 0 {
				counted[labelsOf(m)["phase"]] = n
			}
		}
		var err error
		listed, err = phasesOf(ctx, s)
		return listed[string(aim.Ready)] > 0 && maps.Equal(listed, counted), err
	})
	if err != nil {
		t.Errorf("Temporal lists %v, control counts %v: %v", listed, counted, err)
	}
}

// phasesOf counts the running replicas that Temporal lists, by phase.
func phasesOf(ctx context.Context, s *stack.Stack) (map[string]int, error) {
	answer, err := s.Temporal().ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = 'Replica' AND ExecutionStatus = 'Running'"})
	phases := map[string]int{}
	for _, e := range answer.GetExecutions() {
		var phase string
		payload := e.GetSearchAttributes().GetIndexedFields()[workflows.AttrPhase.GetName()]
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &phase); err != nil {
			return nil, err
		}
		phases[phase]++
	}
	return phases, err
}

// checkAges asserts that control has heard every node just now. A beat comes
// four times a second; the rest is for slow machines.
func checkAges(t *testing.T, f families) {
	t.Helper()
	heard := map[string]bool{}
	for _, m := range f["aim_inventory_age_seconds"].GetMetric() {
		l := labelsOf(m)
		if l["liveness"] == string(aim.Alive) && m.GetGauge().GetValue() < 5 {
			heard[l["node"]] = true
		}
	}
	if !heard["n1"] || !heard["n2"] {
		t.Errorf("the inventory is fresh for %v, want n1 and n2", slices.Sorted(maps.Keys(heard)))
	}
}

// checkNames asserts that our metrics are named and described as Prometheus
// advises. The SDK's names are its own.
func checkNames(t *testing.T, f families) {
	t.Helper()
	var ours []*dto.MetricFamily
	for name, family := range f {
		if strings.HasPrefix(name, "aim_") {
			ours = append(ours, family)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(ours).Lint()
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
