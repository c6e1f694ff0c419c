package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// ExpectNodes makes the view judge nodes that went away before this process started:
// replicas run on them, and nothing is heard. Nodes that are heard are left alone, so
// everybody gets the time to report first: until settled. The error tells that some
// such nodes may not be shown.
func (w Workflows) ExpectNodes(ctx context.Context, settled <-chan struct{}, expect func(aim.Node)) error {
	select {
	case <-ctx.Done():
		return nil
	case <-settled:
	}
	running, err := w.Running(ctx)
	nodes := map[string]bool{}
	for _, r := range running {
		nodes[r.Node] = true
	}
	for node := range nodes {
		expect(aim.Node{ID: node})
	}
	return err
}

// Running implements Replicas, from Temporal's visibility store.
func (w Workflows) Running(ctx context.Context) (all []RunningReplica, err error) {
	name, phase := workflows.AttrNode.GetName(), workflows.AttrPhase.GetName()
	q := &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s IS NOT NULL", workflows.TypeReplica, name),
	}
	for {
		page, err := w.Temporal.ListWorkflow(ctx, q)
		if err != nil {
			return all, fmt.Errorf("list running replicas: %w", err)
		}
		for _, run := range page.GetExecutions() {
			r := RunningReplica{WorkflowID: run.GetExecution().GetWorkflowId()}
			fields := run.GetSearchAttributes().GetIndexedFields()
			_ = converter.GetDefaultDataConverter().FromPayload(fields[phase], &r.Phase) // "" where there is none
			if err := converter.GetDefaultDataConverter().FromPayload(fields[name], &r.Node); err == nil && r.Node != "" {
				all = append(all, r)
			}
		}
		if q.NextPageToken = page.GetNextPageToken(); len(q.NextPageToken) == 0 {
			return all, nil
		}
	}
}

// tellWithin bounds one verdict; it is told again when it fails.
const tellWithin = 5 * time.Second

// TellNode implements Replicas.
func (w Workflows) TellNode(ctx context.Context, workflowID string, v workflows.NodeVerdict) error {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	err := w.Temporal.SignalWorkflow(ctx, workflowID, "", workflows.SignalNode, v)
	if gone := (*serviceerror.NotFound)(nil); errors.As(err, &gone) {
		return nil
	}
	return err
}
