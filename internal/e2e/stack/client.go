package stack

import (
	"context"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// Apply wants a deployment, by one update-with-start.
func Apply(ctx context.Context, t client.Client, spec aim.DeploymentSpec) error {
	start := t.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: workflows.DeploymentID(spec.Defaulted().Name), TaskQueue: workflows.Queue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, workflows.TypeDeployment, spec)
	h, err := t.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: workflows.UpdateApply, Args: []any{spec}, WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

// Status asks the Deployment workflow, for at most ten seconds.
func Status(ctx context.Context, t client.Client, name string) (aim.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var status aim.Status
	v, err := t.QueryWorkflow(ctx, workflows.DeploymentID(name), "", workflows.QueryStatus)
	if err != nil {
		return status, err
	}
	return status, v.Get(&status)
}

// Stop ends a deployment and waits until its workflow has closed.
func Stop(ctx context.Context, t client.Client, name string) error {
	id := workflows.DeploymentID(name)
	h, err := t.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: workflows.UpdateStop, Args: []any{workflows.StopRequest{}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	if err := h.Get(ctx, nil); err != nil {
		return err
	}
	return t.GetWorkflow(ctx, id, "").Get(ctx, nil)
}
