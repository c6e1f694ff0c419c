// Package gateway runs the gateway.
package gateway

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/worker"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("gateway", "The one OpenAI-compatible address over all deployments", "  aim gateway run", newRun(a))
}

type runOptions struct{}

func newRun(a *cli.App) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a gateway until interrupted",
		Long: `Run answers OpenAI's API for all deployments. It hears from the nodes which
replicas are well, sends each request where it costs least, and tells a client
when an answer is not whole. Any number of gateways may run side by side.

On loopback it asks for no key until there is one. Anywhere else it needs keys:
aim key create NAME.`,
		Example: "  aim gateway run --listen 127.0.0.1:8000",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	flags := cmd.Flags()
	flags.String("listen", "", "`address` where clients ask (default 127.0.0.1:8000)")
	flags.String("metrics", "", "`address` of /metrics, /healthz and /readyz (default 127.0.0.1:9472)")
	flags.String("admin-url", "", "`address` of control's administration (default http://127.0.0.1:9473)")
	flags.String("log-level", "", "debug, info, warn or error (default info)")
	for flag, key := range map[string]string{
		"listen": "gateway.listen", "metrics": "gateway.metrics", "admin-url": "admin.url", "log-level": "log_level",
	} {
		cli.Setting(flags, flag, key)
	}
	return cmd
}

func (o runOptions) run(ctx context.Context, a *cli.App) error {
	g, err := worker.NewGateway(ctx, a.Settings.NATS, a.Settings.Admin, a.Settings.Gateway, a.Logger())
	if err != nil {
		return cli.Next(cli.Failed("start the gateway: %w", err), "aim doctor")
	}
	return cli.DaemonEnd(ctx, "gateway", g.Run(ctx))
}
