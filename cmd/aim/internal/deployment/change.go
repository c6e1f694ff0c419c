package deployment

import (
	"context"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

// change sends a change of a deployment and waits until it is ready again, and
// until what else the change was for has been reached; also may be nil.
func change(ctx context.Context, a *cli.App, name, change string, request any, wait cli.WaitFlags, also goal) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := wait.Within(ctx)
	defer cancel()
	before, _ := Ask(ctx, c, name) // only what happens from here on is told
	applied, err := sendUpdate(ctx, a, c, name, change, request)
	if err != nil {
		return err
	}
	if wait.Detach {
		if a.Programs() {
			return display.Data(a.Out, a.Format, applied)
		}
		a.Hint("next: aim status %s --watch", name)
		return nil
	}
	s, err := await(ctx, a, c, name, before, both(ready(ctx, a, c, applied.Revision), also))
	if err != nil {
		return err
	}
	return announce(a, s)
}

// both is reached when the first goal is, and the second, if there is one.
func both(first, second goal) goal {
	return func(s aim.Status) (bool, error) {
		reached, err := first(s)
		if !reached || err != nil || second == nil {
			return reached, err
		}
		return second(s)
	}
}
