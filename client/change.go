package client

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	enums "go.temporal.io/api/enums/v1"
	sdk "go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// Applied is what a change has come to: the deployment's name, uid and revision, and
// whether anything had to change.
type Applied = workflows.Applied

// Deploy wants a deployment: it makes one, or changes the one of that name to this
// spec. It answers when the wish is written down, not when the model serves. Replicas 0
// leaves the number of a deployment that runs as it is.
func (c *Client) Deploy(ctx context.Context, spec aim.DeploymentSpec) (Applied, error) {
	if err := spec.Validate(); err != nil {
		return Applied{}, err
	}
	name, id := spec.Defaulted().Name, uuid.NewString()
	return persist(ctx, c, "deploy "+name, func(ctx context.Context) (applied Applied, err error) {
		handle, err := c.t.UpdateWithStartWorkflow(ctx, sdk.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.t.NewWithStartWorkflowOperation(sdk.StartWorkflowOptions{
				ID:                       workflows.DeploymentID(name),
				TaskQueue:                workflows.Queue,
				WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
				WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
				StaticSummary:            spec.Model,
			}, workflows.TypeDeployment, spec),
			UpdateOptions: sdk.UpdateWorkflowOptions{
				UpdateID: id, WorkflowID: workflows.DeploymentID(name), UpdateName: workflows.UpdateApply, Args: []any{spec},
				WaitForStage: sdk.WorkflowUpdateStageCompleted,
			},
		})
		if err == nil {
			err = handle.Get(ctx, &applied)
		}
		return applied, err
	})
}

// Scale wants another number of replicas, 1 or more.
func (c *Client) Scale(ctx context.Context, name string, replicas int) (Applied, error) {
	return c.Update(ctx, name, workflows.UpdateScale, workflows.ScaleRequest{Replicas: replicas})
}

// Stop ends a deployment, and keeps why. It answers when that is written down; see
// AwaitEnd. One that has ended is ErrNotFound.
func (c *Client) Stop(ctx context.Context, name, why string) error {
	_, err := c.Update(ctx, name, workflows.UpdateStop, workflows.StopRequest{Why: why})
	return err
}

// Update sends any other change: workflows.UpdateRestart, UpdateMove, UpdateRollback
// with their requests.
func (c *Client) Update(ctx context.Context, name, update string, request any) (Applied, error) {
	if !aim.IsLabel(name) {
		return Applied{}, fmt.Errorf("%s: %w", name, ErrNotFound)
	}
	id := uuid.NewString()
	return persist(ctx, c, strings.ToLower(update)+" "+name, func(ctx context.Context) (applied Applied, err error) {
		handle, err := c.t.UpdateWorkflow(ctx, sdk.UpdateWorkflowOptions{
			UpdateID: id, WorkflowID: workflows.DeploymentID(name), UpdateName: update, Args: []any{request},
			WaitForStage: sdk.WorkflowUpdateStageCompleted,
		})
		if err == nil {
			err = handle.Get(ctx, &applied)
		}
		return applied, err
	})
}
