package deployment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

// sendUpdate changes a deployment and waits until the change is written down.
func sendUpdate[R any](ctx context.Context, c client.Client, name, change string, request any) (R, error) {
	var result R
	if !aim.IsLabel(name) {
		return result, Missing(ctx, c, name)
	}
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.DeploymentID(name), UpdateName: change, Args: []any{request},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, &result)
	}
	return result, explainUpdate(ctx, c, name, err)
}

// updateTimeout covers a control process that is being restarted.
const updateTimeout = 15 * time.Second

// explainUpdate hands on what the workflow has refused with, in its own words. A
// change that nobody has answered may still happen, and is not called failed.
func explainUpdate(ctx context.Context, c client.Client, name string, err error) error {
	var notFound *serviceerror.NotFound
	switch {
	case err == nil:
		return nil
	case workflows.CarriedFailure(err) != nil:
		return workflows.CarriedFailure(err)
	case errors.As(err, &notFound):
		return Missing(context.WithoutCancel(ctx), c, name)
	case errors.Is(ctx.Err(), context.Canceled):
		return cli.ErrInterrupted
	case errors.Is(context.Cause(ctx), cli.ErrTimeout):
		return cli.Next(fmt.Errorf("%w for an answer about the change of deployment %s; it may still happen", context.Cause(ctx), name), "aim status %s", name)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return cli.Next(cli.Failed("change deployment %s: no control process has answered within %s; it may still happen", name, updateTimeout), "aim status %s", name)
	}
	return cli.Next(cli.Failed("change deployment %s: %v", name, cli.ShortCause(err)), "aim doctor")
}
