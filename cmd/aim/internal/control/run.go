// Package control runs the control process.
package control

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/worker"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("control", "The process that decides: workflows, recipes and placement", "  aim control run", newRun(a))
}

type runOptions struct{}

func newRun(a *cli.App) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run control until interrupted",
		Long: `Run runs workflows and the activities that choose recipes and places. Any
number of control processes may run side by side; one of them leads.`,
		Example: "  aim control run --temporal-address temporal:7233 --nats-url nats://nats:4222",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	flags := cmd.Flags()
	flags.String("id", "", "name of this process (default hostname and pid)")
	flags.String("metrics", "", "`address` of /metrics, /healthz and /readyz (default 127.0.0.1:9470)")
	flags.StringArray("recipes", nil, "`folder` that adds to the built-in catalogue; repeatable")
	flags.String("admin", "", "`address` of the administration: keys, aliases, usage; loopback only (default 127.0.0.1:9473)")
	flags.String("store", "", "where keys, aliases and usage are kept: sqlite:/`path`, or postgres://user@host/database for several controls (default none)")
	flags.String("log-level", "", "debug, info, warn or error (default info)")
	for flag, key := range map[string]string{
		"id": "control.id", "metrics": "control.metrics", "recipes": "control.recipes",
		"admin": "control.admin", "store": "control.store", "log-level": "log_level",
	} {
		cli.Setting(flags, flag, key)
	}
	return cmd
}

// run ends well when it is told to end: a service manager asks with SIGTERM.
func (o runOptions) run(ctx context.Context, a *cli.App) error {
	control, err := worker.NewControl(ctx, a.Settings.Connection, a.Settings.Control, a.Logger())
	if err != nil {
		return cli.Next(cli.Failed("start control: %w", err), "aim doctor")
	}
	return cli.DaemonEnd(ctx, "control", control.Run(ctx))
}
