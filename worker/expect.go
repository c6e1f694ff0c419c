package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/workflows"
)

// expect makes the view judge nodes that went away before this process started:
// replicas run on them, and nothing is heard. Nodes that are heard are left
// alone, so everybody gets the time to report first.
func (c *Control) expect(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-c.view.Settled():
	}
	nodes, err := nodesInUse(ctx, c.temporal)
	if err != nil {
		c.log.Warn("nodes that went away before the start are not shown", "error", err)
	}
	for node := range nodes {
		c.view.Expect(aim.Node{ID: node})
	}
}

// nodesInUse names the nodes that running replicas are on, as Temporal's
// visibility store has them.
func nodesInUse(ctx context.Context, t client.Client) (map[string]bool, error) {
	nodes := map[string]bool{}
	running, err := replicaWorkflows{t}.Running(ctx)
	for _, r := range running {
		nodes[r.Node] = true
	}
	return nodes, err
}

// replicaWorkflows reaches Replica workflows through Temporal.
type replicaWorkflows struct{ temporal client.Client }

// Running implements control.Replicas.
func (w replicaWorkflows) Running(ctx context.Context) (all []control.RunningReplica, err error) {
	name, phase := workflows.AttrNode.GetName(), workflows.AttrPhase.GetName()
	q := &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s IS NOT NULL", workflows.TypeReplica, name),
	}
	for {
		page, err := w.temporal.ListWorkflow(ctx, q)
		if err != nil {
			return all, fmt.Errorf("list running replicas: %w", err)
		}
		for _, run := range page.GetExecutions() {
			r := control.RunningReplica{WorkflowID: run.GetExecution().GetWorkflowId()}
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

// TellNode implements control.Replicas.
func (w replicaWorkflows) TellNode(ctx context.Context, workflowID string, v workflows.NodeVerdict) error {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	err := w.temporal.SignalWorkflow(ctx, workflowID, "", workflows.SignalNode, v)
	if gone := (*serviceerror.NotFound)(nil); errors.As(err, &gone) {
		return nil
	}
	return err
}
