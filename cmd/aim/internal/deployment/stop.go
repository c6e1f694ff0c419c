package deployment

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

type stopOptions struct {
	why  string
	wait cli.WaitFlags
}

func NewStop(a *cli.App) *cobra.Command {
	var o stopOptions
	cmd := &cobra.Command{
		Use:     "stop NAME...",
		Short:   "End deployments and free their GPUs",
		Example: "  aim stop qwen3-32b",
		Args:    cli.OneOrMore("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	cmd.Flags().StringVar(&o.why, "why", "", "the reason, for the history")
	o.wait.Add(cmd)
	return a.Prints(cmd, []aim.Status{})
}

// run asks all to stop before it waits for any.
func (o stopOptions) run(ctx context.Context, a *cli.App, names []string) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := o.wait.Within(ctx)
	defer cancel()
	var asked, ended []aim.Status
	for _, name := range names {
		before, _ := Ask(ctx, c, name) // only what happens from here on is told
		before.Name = name
		switch over, stopErr := o.ask(ctx, a, c, name); {
		case stopErr != nil:
			err = errors.Join(err, stopErr)
		case over:
			a.Hint("%s has ended already", name)
			ended = append(ended, before)
		default:
			asked = append(asked, before)
		}
	}
	for _, before := range asked {
		if o.wait.Detach {
			a.Hint("next: aim status %s --watch", before.Name)
			continue
		}
		s, waitErr := o.follow(ctx, a, c, before)
		if err = errors.Join(err, waitErr); waitErr == nil {
			ended = append(ended, s)
		}
	}
	if a.Programs() {
		err = errors.Join(display.List(a.Out, a.Format, ended), err)
	}
	return err
}

// ask asks one deployment to stop. over is true when it has ended before.
func (o stopOptions) ask(ctx context.Context, a *cli.App, c client.Client, name string) (over bool, err error) {
	_, err = sendUpdate(ctx, a, c, name, workflows.UpdateStop, workflows.StopRequest{Why: o.why})
	if err == nil {
		return false, nil
	}
	s, readErr := Ask(ctx, c, name)
	if readErr == nil && s.Phase.Final() {
		return true, nil
	}
	return false, err
}

// follow waits for the end. A server that could not be seen to end is told by the
// reason, and is no error: its node cleans up.
func (o stopOptions) follow(ctx context.Context, a *cli.App, c client.Client, before aim.Status) (aim.Status, error) {
	s, err := await(ctx, a, c, before.Name, before, func(s aim.Status) (bool, error) { return s.Phase.Final(), nil })
	if err == nil {
		a.Hint("%s: %s", s.Name, s.Reason)
	}
	return s, err
}
