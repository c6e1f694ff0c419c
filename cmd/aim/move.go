package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

type moveOptions struct {
	request workflows.MoveRequest
	wait    waitFlags
}

func newMove(a *app) *cobra.Command {
	var o moveOptions
	cmd := &cobra.Command{
		Use:   "move NAME",
		Short: "Take one replica of a deployment to another node",
		Long: `Move takes one replica of a deployment to another node. Another replica starts
there and proves that it answers before the first one stops; where there is no
room for it, nothing changes. With --evict the replica stops first, and then
waits for a place behind those who come before it.`,
		Example: `  aim move qwen3-32b --replica 1 --why "n3 goes into repair"`,
		Args:    named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	f := cmd.Flags()
	f.IntVar(&o.request.Ordinal, "replica", 0, "which replica")
	f.StringVar(&o.request.Off, "off", "", "only if it is still on this `NODE`")
	f.BoolVar(&o.request.Evict, "evict", false, "stop it first; the deployment's min_available stays")
	f.StringVar(&o.request.Why, "why", "", "the reason, for the history")
	o.wait.add(cmd)
	return cmd
}

func (o moveOptions) run(ctx context.Context, a *app, name string) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := o.wait.within(ctx)
	defer cancel()
	before, _ := status(ctx, c, name) // only what happens from here on is told
	applied, err := sendUpdate[workflows.Applied](ctx, c, name, workflows.UpdateMove, o.request)
	if err != nil {
		return err
	}
	if o.wait.detach {
		if a.programs() {
			return display.Data(a.out, a.format, applied)
		}
		a.hint("next: aim status %s --watch", name)
		return nil
	}
	s, err := a.await(ctx, c, name, before, o.moved(ctx, a, c, applied))
	if err != nil {
		return err
	}
	return a.announce(s)
}

// moved is the goal: ready, and without the replica that was to leave. One that
// is evicted comes back under its own number.
func (o moveOptions) moved(ctx context.Context, a *app, c client.Client, applied workflows.Applied) goal {
	ready := a.ready(ctx, c, applied.Revision)
	return func(s aim.Status) (bool, error) {
		done, err := ready(s)
		if !done || err != nil || o.request.Evict {
			return done, err
		}
		if slices.ContainsFunc(s.Replicas, func(r aim.ReplicaStatus) bool { return r.Ordinal == o.request.Ordinal }) {
			return false, &problem{err: failed("%s", s.Reason), next: "aim node list", code: exitNoCapacity}
		}
		return true, nil
	}
}
