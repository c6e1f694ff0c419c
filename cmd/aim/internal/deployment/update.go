package deployment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	sdk "github.com/aim-engine/aim/client"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

// answerWithin is how long a change is carried on with where no --timeout says
// otherwise: longer than an engine takes to come back that was restarted.
const answerWithin = 2 * time.Minute

// apply makes the deployment, or changes the one of that name.
func apply(ctx context.Context, a *cli.App, c client.Client, spec aim.DeploymentSpec) (sdk.Applied, error) {
	return send(ctx, a, c, spec.Defaulted().Name, func(ctx context.Context, c *sdk.Client) (sdk.Applied, error) {
		return c.Deploy(ctx, spec)
	})
}

// sendUpdate changes a deployment.
func sendUpdate(ctx context.Context, a *cli.App, c client.Client, name, change string, request any) (sdk.Applied, error) {
	if !aim.IsLabel(name) {
		return sdk.Applied{}, Missing(ctx, c, name)
	}
	return send(ctx, a, c, name, func(ctx context.Context, c *sdk.Client) (sdk.Applied, error) {
		return c.Update(ctx, name, change, request)
	})
}

// send carries on with a change until it is written down, and tells what it waits for
// where that takes long.
func send(ctx context.Context, a *cli.App, c client.Client, name string, do func(context.Context, *sdk.Client) (sdk.Applied, error)) (sdk.Applied, error) {
	asked := ctx
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("%w after %s", cli.ErrTimeout, answerWithin))
		defer cancel()
	}
	sender, told := sdk.New(c), ""
	sender.Slow = func(why string) {
		if why != told {
			told = why
			a.Hint("%s; going on", why)
		}
	}
	applied, err := do(ctx, sender)
	var refused *aim.Failure
	switch {
	case err == nil:
		return applied, nil
	case errors.As(err, &refused):
		return applied, err
	case errors.Is(err, sdk.ErrNotFound):
		return applied, notRunning(context.WithoutCancel(asked), c, name)
	case errors.Is(asked.Err(), context.Canceled):
		return applied, cli.ErrInterrupted
	case errors.Is(err, sdk.ErrUnanswered):
		return applied, cli.Next(fmt.Errorf("%w: nobody has answered for deployment %s (%s); the change may still happen",
			context.Cause(ctx), name, orElse(told, "no control process has answered")), "aim status %s", name)
	}
	return applied, cli.Next(cli.Failed("change deployment %s: %v", name, cli.ShortCause(err)), "aim doctor")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
