package worker

import (
	"context"
	"fmt"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
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
	name := workflows.AttrNode.GetName()
	q := &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s IS NOT NULL", workflows.TypeReplica, name),
	}
	for {
		page, err := t.ListWorkflow(ctx, q)
		if err != nil {
			return nodes, fmt.Errorf("list running replicas: %w", err)
		}
		for _, run := range page.GetExecutions() {
			var node string
			field := run.GetSearchAttributes().GetIndexedFields()[name]
			if err := converter.GetDefaultDataConverter().FromPayload(field, &node); err == nil && node != "" {
				nodes[node] = true
			}
		}
		if q.NextPageToken = page.GetNextPageToken(); len(q.NextPageToken) == 0 {
			return nodes, nil
		}
	}
}
