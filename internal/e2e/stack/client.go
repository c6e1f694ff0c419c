package stack

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
)

// Apply wants a deployment.
func Apply(ctx context.Context, t client.Client, spec aim.DeploymentSpec) error {
	_, err := sdk.New(t).Deploy(ctx, spec)
	return err
}

// Status asks a deployment, for at most ten seconds.
func Status(ctx context.Context, t client.Client, name string) (aim.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return sdk.New(t).Status(ctx, name)
}

// Stop ends a deployment and waits until its workflow has closed.
func Stop(ctx context.Context, t client.Client, name string) error {
	if err := sdk.New(t).Stop(ctx, name, ""); err != nil {
		return err
	}
	return t.GetWorkflow(ctx, name, "").Get(ctx, nil)
}
