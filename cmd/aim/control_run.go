package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/worker"
)

type controlRunOptions struct{}

func newControlRun(a *app) *cobra.Command {
	var o controlRunOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run control until interrupted",
		Long: `Run runs workflows and the activities that choose recipes and places. Any
number of control processes may run side by side; one of them leads.`,
		Example: "  aim control run --temporal-address temporal:7233 --nats-url nats://nats:4222",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	flags := cmd.Flags()
	flags.String("id", "", "name of this process (default hostname and pid)")
	flags.String("metrics", "", "`address` of /metrics, /healthz and /readyz (default 127.0.0.1:9470)")
	flags.StringArray("recipes", nil, "`folder` that adds to the built-in catalogue; repeatable")
	flags.String("log-level", "", "debug, info, warn or error (default info)")
	for flag, key := range map[string]string{
		"id": "control.id", "metrics": "control.metrics", "recipes": "control.recipes", "log-level": "log_level",
	} {
		setting(flags, flag, key)
	}
	return cmd
}

// run ends well when it is told to end: a service manager asks with SIGTERM.
func (o controlRunOptions) run(ctx context.Context, a *app) error {
	connection, err := a.connection()
	if err != nil {
		return err
	}
	s := a.settings.Control
	control, err := worker.NewControl(ctx, worker.ControlConfig{
		Connection: connection, ID: s.ID, Metrics: s.Metrics, Recipes: s.Recipes,
		Relief: control.RebalanceLevel(s.Relief),
	}, a.logger())
	if err != nil {
		return next(failed("start control: %w", err), "aim doctor")
	}
	return daemonEnd(ctx, "control", control.Run(ctx))
}

// connection is how daemons reach Temporal and NATS.
func (a *app) connection() (worker.Connection, error) {
	t, n := a.settings.Temporal, a.settings.NATS
	key, err := config.Secret(t.APIKey)
	if err != nil {
		return worker.Connection{}, next(err, "set temporal.api_key to env:NAME or file:/path")
	}
	return worker.Connection{
		Address: t.Address, Namespace: t.Namespace, NATS: n.URL, NATSCreds: n.Creds,
		TLSCert: t.TLSCert, TLSKey: t.TLSKey, TLSCA: t.TLSCA, APIKey: key,
	}, nil
}

// daemonEnd tells an ordered end from a failure: being told to stop is no error.
func daemonEnd(ctx context.Context, name string, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return next(failed("%s ended: %w", name, err), "aim doctor")
}
