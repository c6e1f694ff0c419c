package deployment

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type statusOptions struct {
	watch   bool
	timeout time.Duration
}

func NewStatus(a *cli.App) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:     "status NAME",
		Short:   "Tell how a deployment is, where it runs, and what was tried",
		Example: "  aim status qwen3-32b --watch",
		Args:    cli.Named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "follow it until it is ready or has ended")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "with --watch: stop watching after this long, with exit code 4")
	return a.Prints(cmd, aim.Status{})
}

// run prints data to stdout and the next command to stderr.
func (o statusOptions) run(ctx context.Context, a *cli.App, name string) error {
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	s, err := o.read(ctx, a, c, name)
	if err != nil {
		return err
	}
	addLive(ctx, a, []aim.Status{s})
	if a.Programs() {
		return display.Data(a.Out, a.Format, s)
	}
	display.Status(a.Out, s, a.Now())
	if advice := adviceFor(s); advice != "" {
		a.Hint("\nnext: %s", advice)
	}
	return nil
}

// read asks once, or follows the deployment until nothing more happens by itself.
func (o statusOptions) read(ctx context.Context, a *cli.App, c client.Client, name string) (aim.Status, error) {
	s, err := Ask(ctx, c, name)
	if err != nil || !o.watch {
		return s, err
	}
	ctx, cancel := cli.WithTimeout(ctx, o.timeout)
	defer cancel()
	return await(ctx, a, c, name, aim.Status{}, func(s aim.Status) (bool, error) {
		return s.Phase == aim.Ready || s.Phase.Final() || stuck(s), nil
	})
}

// adviceFor is what one would type after reading this status.
func adviceFor(s aim.Status) string {
	switch s.Phase {
	case aim.Ready:
		return "aim logs " + s.Name
	case aim.Failed, aim.Degraded:
		return cureFor(lastClass(s), s)
	case aim.Stopped:
		return deployAgain(s)
	}
	return "aim status " + s.Name + " --watch"
}

// deployAgain is the command that asks for an ended deployment under its name.
func deployAgain(s aim.Status) string {
	spec := s.Spec
	spec.Model, spec.Name = s.Model, s.Name
	return spec.Command()
}

// lastClass is the class of the last failed attempt, "" when there is none.
func lastClass(s aim.Status) aim.FailureClass {
	for _, r := range s.Replicas {
		if n := len(r.Tries); n > 0 {
			return r.Tries[n-1].Class
		}
	}
	return ""
}
