package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/workflows"
)

// Obligation: workflows that are terminated behind our back leave no server and
// no claim once the ownership rule has run; a replica whose workflow alone was
// ended is replaced; a reset replica ends with one server.
func TestTerminatedAndResetWorkflowsLeaveNothing(t *testing.T) {
	ctx, s := scenario(t, 4*time.Minute)
	names := []string{"both", "deployment", "replica", "reset"}
	for _, n := range names {
		apply(t, ctx, s, named(n, ""))
	}
	for _, n := range names {
		awaitReady(t, ctx, s, n)
	}
	terminate := func(id string) { must(t, s.Temporal().TerminateWorkflow(ctx, id, "", "scenario")) }
	terminate(workflows.DeploymentID("both"))
	terminate(workflows.ReplicaID("both", 0))
	terminate(workflows.DeploymentID("deployment"))
	terminate(workflows.ReplicaID("replica", 0))
	must(t, reset(ctx, s, workflows.ReplicaID("reset", 0)))
	for _, n := range []string{"both", "deployment"} {
		checkToldAsFailed(t, ctx, s, n)
	}

	for _, n := range []string{"both", "deployment"} {
		must(t, stack.Eventually(ctx, func() (bool, error) {
			return len(claimsOf(t, s, n)) == 0 && len(serversOf(t, s, n)) == 0, nil
		}))
	}
	for _, n := range []string{"replica", "reset"} {
		must(t, stack.Eventually(ctx, func() (bool, error) {
			return len(claimsOf(t, s, n)) == 1 && len(serversOf(t, s, n)) == 1, nil
		}))
		status, err := s.AwaitStatus(ctx, n, func(st aim.Status) bool {
			return st.Phase == aim.Ready && len(st.Replicas) == 1 && sameAttempt(st.Replicas[0], claimsOf(t, s, n))
		})
		must(t, err)
		checkServes(t, s, status)
	}
}

// checkToldAsFailed: the last word of a terminated workflow was "Ready", and
// must not be told as what is.
func checkToldAsFailed(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	t.Helper()
	var status aim.Status
	r := s.Aim(ctx, "status", name, "-o", "json")
	if err := json.Unmarshal([]byte(r.Out), &status); err != nil {
		t.Fatalf("aim status %s: %v: %+v", name, err, r)
	}
	if status.Phase != aim.Failed || !strings.Contains(status.Reason, "Terminated") || status.Replicas[0].Endpoint != "" {
		t.Errorf("a terminated deployment is told as %s (%s), at %q", status.Phase, status.Reason, status.Replicas[0].Endpoint)
	}
	if list := s.Aim(ctx, "ps", "-o", "jsonl"); !strings.Contains(list.Out, `"`+name+`"`) {
		t.Errorf("aim ps hides the failed %s: %s", name, list.Out)
	}
}

func sameAttempt(r aim.ReplicaStatus, claims []aim.Claim) bool {
	return len(claims) == 1 && claims[0].Attempt == r.Attempt
}

// reset takes a replica back to its first workflow task.
func reset(ctx context.Context, s *stack.Stack, id string) error {
	description, err := s.Temporal().DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return err
	}
	run := description.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	history := s.Temporal().GetWorkflowHistory(ctx, id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var first int64
	for history.HasNext() && first == 0 {
		event, err := history.Next()
		if err != nil {
			return err
		}
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			first = event.GetEventId()
		}
	}
	_, err = s.Temporal().ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:         s.Namespace,
		WorkflowExecution: &common.WorkflowExecution{WorkflowId: id, RunId: run},
		Reason:            "scenario", RequestId: id, WorkflowTaskFinishEventId: first,
	})
	return err
}
