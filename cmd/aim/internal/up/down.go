package up

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

// downWithin is how long everything may take to stop: the parts stop one after
// the other, Temporal last.
const downWithin = 90 * time.Second

type downOptions struct{ keep bool }

func NewDown(a *cli.App) *cobra.Command {
	var o downOptions
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop what aim up has started",
		Long: `Down stops the aim up of the state folder, and waits until it is gone.
Deployments stay wanted: the next aim up goes on with them. Real models go on
serving meanwhile; simulated ones end.`,
		Example: "  aim down --keep",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().BoolVar(&o.keep, "keep", false, "do not ask while real models serve; they go on")
	return cmd
}

// run asks first, then stops, then waits: whoever types the next command finds
// files and ports free.
func (o downOptions) run(ctx context.Context, a *cli.App) error {
	dir := a.Settings.Dir
	runs, err := Runs(dir)
	if err != nil {
		return err
	}
	if !runs {
		return o.clear(ctx, a)
	}
	if err := o.ask(ctx, a); err != nil {
		return err
	}
	p, err := findStack(dir)
	if err != nil {
		return cli.Next(cli.Failed("stop the aim up in %s: %w", dir, err), "aim down")
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return cli.Failed("stop the aim up in %s: %w", dir, err)
	}
	a.Hint("stopping")
	ctx, cancel := context.WithTimeoutCause(ctx, downWithin, cli.ErrTimeout)
	defer cancel()
	if err := awaitStackEnd(ctx, dir); err != nil {
		return cli.Next(err, "aim down")
	}
	a.Hint("stopped; deployments stay wanted, and `aim up` goes on with them")
	return nil
}

// clear ends what a killed aim up has left behind.
func (o downOptions) clear(ctx context.Context, a *cli.App) error {
	dir := a.Settings.Dir
	left := len(orphans(dir)) + len(serversBelow(simulatedDir(dir)))
	if left > 0 {
		a.Hint("ending what a killed aim up has left behind: %s", display.Count(left, "process", "processes"))
	}
	if err := endOrphans(ctx, dir, orphanPatience); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, leftoverWithin)
	defer cancel()
	if err := endLeftovers(ctx, simulatedDir(dir)); err != nil {
		return err
	}
	if left > 0 {
		a.Hint("stopped; deployments stay wanted, and `aim up` goes on with them")
		return nil
	}
	a.Hint("nothing runs in %s", dir)
	return nil
}

// ask makes sure that nobody stops looking after real models unawares.
func (o downOptions) ask(ctx context.Context, a *cli.App) error {
	if o.keep {
		return nil
	}
	serving := realModels(ctx, a)
	if len(serving) == 0 {
		return nil
	}
	names := strings.Join(serving, ", ")
	if !a.Interactive() {
		return cli.Next(cli.Failed("real models serve here: %s; they would go on with nobody to look after them", names), "aim down --keep")
	}
	if !a.Confirm("Real models serve here: " + names + ". They go on serving, but nobody looks after them until `aim up` runs again. Stop aim?") {
		return cli.Failed("nothing was stopped")
	}
	return nil
}
