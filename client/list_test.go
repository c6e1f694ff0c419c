package client

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// lister has a list of workflows, which it gives one at a time.
type lister struct {
	sdk.Client
	all   []*workflowpb.WorkflowExecutionInfo
	calls int
}

func (l *lister) ListWorkflow(_ context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	i := len(r.NextPageToken)
	l.calls++
	answer := &workflowservice.ListWorkflowExecutionsResponse{Executions: l.all[i : i+1]}
	if i+1 < len(l.all) {
		answer.NextPageToken = make([]byte, i+1)
	}
	return answer, nil
}

func listed(t *testing.T, kind, id string, status enums.WorkflowExecutionStatus, memo any, attributes map[string]any) *workflowpb.WorkflowExecutionInfo {
	encode := func(v any) *common.Payload {
		p, err := converter.GetDefaultDataConverter().ToPayload(v)
		require.NoError(t, err)
		return p
	}
	e := &workflowpb.WorkflowExecutionInfo{
		Execution: &common.WorkflowExecution{WorkflowId: id}, Type: &common.WorkflowType{Name: kind}, Status: status,
		StartTime: timestamppb.New(time.Unix(1, 0)), Memo: &common.Memo{Fields: map[string]*common.Payload{}},
		SearchAttributes: &common.SearchAttributes{IndexedFields: map[string]*common.Payload{}},
	}
	if memo != nil {
		e.Memo.Fields[workflows.MemoSummary] = encode(memo)
	}
	for name, v := range attributes {
		e.SearchAttributes.IndexedFields[name] = encode(v)
	}
	return e
}

func TestRows(t *testing.T) {
	const running, ended = enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED
	on := func(node string, phase aim.Phase) map[string]any {
		return map[string]any{"AimNode": node, "AimPhase": string(phase), "AimRecipe": "r", "AimGPUs": []string{"g0", "g1"}}
	}
	sum := func(uid string, phase aim.Phase, wanted int) workflows.Summary {
		return workflows.Summary{UID: uid, Model: "m", Phase: phase, Wanted: wanted, Since: time.Unix(9, 0)}
	}
	old := listed(t, workflows.TypeDeployment, "a", ended, sum("before", aim.Ready, 1), nil)
	old.StartTime = timestamppb.New(time.Unix(0, 0))
	l := &lister{all: []*workflowpb.WorkflowExecutionInfo{
		listed(t, workflows.TypeReplica, "a/r10", running, nil, on("n2", aim.Ready)),
		old,
		listed(t, workflows.TypeDeployment, "a", running, sum("a-1", aim.Ready, 2), nil),
		listed(t, workflows.TypeReplica, "a/r0", running, nil, on("n1", aim.Ready)),
		listed(t, workflows.TypeReplica, "b/r0", running, nil, on("n1", aim.Starting)),
		listed(t, workflows.TypeDeployment, "b", running, sum("b-1", aim.Ready, 1), nil),
		listed(t, workflows.TypeDeployment, "c", running, nil, map[string]any{"AimModel": "older", "AimPhase": "Ready"}),
		listed(t, workflows.TypeDeployment, "d", ended, sum("d-1", aim.Ready, 1), nil),
		listed(t, workflows.TypeDeployment, "e", running, sum("e-1", aim.Ready, 2), map[string]any{"AimPhase": 7}),
		listed(t, workflows.TypeReplica, "e/r0", running, nil, on("n1", aim.Ready)),
	}}
	rows, err := New(l).Rows(t.Context(), Kept)
	require.NoError(t, err)
	require.Equal(t, len(l.all), l.calls)
	require.Len(t, rows, 5)
	a := rows[0]
	require.True(t, a.Settled)
	require.Equal(t, "a-1", a.UID)
	require.Equal(t, []int{0, 10}, []int{a.Replicas[0].Ordinal, a.Replicas[1].Ordinal})
	require.Equal(t, []string{"g0", "g1"}, a.Replicas[0].GPUs)
	require.False(t, rows[1].Settled, "a replica starts")
	require.False(t, rows[2].Settled, "it began before there were summaries")
	require.Equal(t, "older", rows[2].Model)
	require.Equal(t, aim.Failed, rows[3].Phase, "it was ended from outside")
	require.False(t, rows[4].Settled, "a replica is not there yet")
}
