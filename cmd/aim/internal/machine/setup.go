package machine

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/internal/temporal"
	"github.com/aim-engine/aim/workflows"
)

type setupOptions struct {
	retention time.Duration
	timeout   time.Duration
}

func NewSetup(a *cli.App) *cobra.Command {
	o := setupOptions{timeout: time.Minute}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make the namespace and search attributes that AIM Engine needs in a Temporal",
		Long: `Setup makes the namespace (--temporal-namespace) in the Temporal that is set, and
adds the search attributes without which control does not start. It may run at any
time and as often as you like: it says what it has done, and refuses what would take
something away. ` + "`aim up`" + ` needs no setup.`,
		Example: "  aim setup --temporal-address temporal:7233 --temporal-namespace aim",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().DurationVar(&o.retention, "retention", 0, "how long the namespace has to keep closed workflows, at least (default as it is; 168h for a new one)")
	cmd.Flags().DurationVar(&o.timeout, "timeout", o.timeout, "give up after this long; a Temporal that has just started is waited for")
	return cmd
}

// setupDone is `aim setup -o json`.
type setupDone struct {
	Temporal  string      `json:"temporal"`
	Namespace string      `json:"namespace"`
	Done      []setupStep `json:"done"` // empty = all was there
}

type setupStep struct {
	Step       temporal.StepKind `json:"step"`
	Retention  string            `json:"retention,omitempty"`
	Attributes map[string]string `json:"search_attributes,omitempty"` // name to type
}

func (o setupOptions) run(ctx context.Context, a *cli.App) error {
	if o.retention < 0 {
		return cli.Usage("--retention is %s; it must be positive", o.retention)
	}
	ctx, cancel := cli.WithTimeout(ctx, o.timeout)
	defer cancel()
	told := ""
	waits := func(err error) {
		if why := cli.ShortCause(err); why != told {
			told = why
			a.Hint("waiting: %s", why)
		}
	}
	c, err := awaitTemporal(ctx, a, waits)
	if err != nil {
		return err
	}
	t := a.Settings.Temporal
	done, err := temporal.Setup(ctx, c, temporal.Wanted{
		Namespace: t.Namespace, Retention: o.retention, Attributes: workflows.SearchAttributes(),
	}, waits)
	if !a.Programs() {
		for _, s := range done {
			a.Out.Println(s.String())
		}
	}
	var refused *aim.Failure
	switch {
	case errors.As(err, &refused):
		return err
	case err != nil:
		return cli.Next(cli.Failed("set up namespace %q of Temporal at %s: %w", t.Namespace, t.Address, err), "aim doctor")
	case a.Programs():
		return display.Data(a.Out, a.Format, setupSummary(t.Address, t.Namespace, done))
	}
	if len(done) == 0 {
		a.Out.Printf("namespace %s of Temporal at %s has all that is needed\n", t.Namespace, t.Address)
	}
	a.Hint("next: aim control run")
	return nil
}

// awaitTemporal connects as soon as it answers.
func awaitTemporal(ctx context.Context, a *cli.App, waits func(error)) (client.Client, error) {
	for {
		c, err := a.Temporal(ctx)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		waits(err)
		if err := cli.Pause(ctx, cli.LastPoll); err != nil && context.Cause(ctx) == context.Canceled {
			return nil, err
		}
	}
}

func setupSummary(address, namespace string, done []temporal.Step) setupDone {
	s := setupDone{Temporal: address, Namespace: namespace, Done: []setupStep{}}
	for _, d := range done {
		one := setupStep{Step: d.Kind, Attributes: d.Attributes}
		if d.Retention != 0 {
			one.Retention = d.Retention.String()
		}
		s.Done = append(s.Done, one)
	}
	return s
}
