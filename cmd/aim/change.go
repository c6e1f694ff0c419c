package main

import (
	"context"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

// change sends a change of a deployment and waits until it is ready again, and
// until what else the change was for has been reached; also may be nil.
func (a *app) change(ctx context.Context, name, change string, request any, wait waitFlags, also goal) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := wait.within(ctx)
	defer cancel()
	before, _ := status(ctx, c, name) // only what happens from here on is told
	applied, err := sendUpdate[workflows.Applied](ctx, c, name, change, request)
	if err != nil {
		return err
	}
	if wait.detach {
		if a.programs() {
			return display.Data(a.out, a.format, applied)
		}
		a.hint("next: aim status %s --watch", name)
		return nil
	}
	s, err := a.await(ctx, c, name, before, both(a.ready(ctx, c, applied.Revision), also))
	if err != nil {
		return err
	}
	return a.announce(s)
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
