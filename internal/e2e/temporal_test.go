package e2e

import (
	"context"
	"slices"
	"testing"

	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// metadataQuery is what the Temporal UI asks for the card of a workflow.
const metadataQuery = "__temporal_workflow_metadata"

// cardOf is the card that the UI shows above a workflow's history.
func cardOf(t *testing.T, ctx context.Context, s *stack.Stack, id string) string {
	t.Helper()
	return metadataOf(t, ctx, s, id).GetCurrentDetails()
}

func metadataOf(t *testing.T, ctx context.Context, s *stack.Stack, id string) *sdk.WorkflowMetadata {
	t.Helper()
	v, err := s.Temporal().QueryWorkflow(ctx, id, "", metadataQuery)
	must(t, err)
	var m sdk.WorkflowMetadata
	must(t, v.Get(&m))
	return &m
}

func describe(t *testing.T, ctx context.Context, s *stack.Stack, id string) *workflowservice.DescribeWorkflowExecutionResponse {
	t.Helper()
	d, err := s.Temporal().DescribeWorkflowExecution(ctx, id, "")
	must(t, err)
	return d
}

func eventsOf(t *testing.T, ctx context.Context, s *stack.Stack, id string) []*history.HistoryEvent {
	t.Helper()
	var all []*history.HistoryEvent
	iterator := s.Temporal().GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		e, err := iterator.Next()
		must(t, err)
		all = append(all, e)
	}
	return all
}

// textOf decodes a payload that holds a string; nil is "".
func textOf(t *testing.T, p *common.Payload) string {
	t.Helper()
	var text string
	if p != nil {
		must(t, converter.GetDefaultDataConverter().FromPayload(p, &text))
	}
	return text
}

// list finds workflow ids, sorted.
func list(ctx context.Context, s *stack.Stack, query string) ([]string, error) {
	answer, err := s.Temporal().ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	var ids []string
	for _, e := range answer.GetExecutions() {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	slices.Sort(ids)
	return ids, err
}

// progressOf is what a pending step says in its last heartbeat.
func progressOf(t *testing.T, ctx context.Context, s *stack.Stack, id, activity string) aim.Progress {
	t.Helper()
	var said aim.Progress
	for _, p := range describe(t, ctx, s, id).GetPendingActivities() {
		if p.GetActivityType().GetName() == activity && p.GetHeartbeatDetails() != nil {
			must(t, converter.GetDefaultDataConverter().FromPayloads(p.GetHeartbeatDetails(), &said))
		}
	}
	return said
}
