package node

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/worker"
)

type runOptions struct{}

func newRun(a *cli.App) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent of this machine until interrupted",
		Long: `Run offers the GPUs of this machine and starts servers on them. Servers outlive
the agent: one that is started again finds them and goes on. No GPU is no reason
to end; the reason is told instead.`,
		Example: "  aim node run --id mi300x-01 --address 10.0.0.11 --label rack=r1",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	nodeFlags(cmd)
	return cmd
}

// nodeFlags are all settings: what is not given may come from the environment or
// a file, so no flag has a default of its own.
func nodeFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	for _, f := range []struct{ flag, key, text string }{
		{"id", "node.id", "name of the node, a DNS label (default from the hostname)"},
		{"address", "node.address", "`IP` where endpoints listen and are reached (default where this machine talks to Temporal from)"},
		{"state", "node.dir", "`folder` of claims, servers and logs (default below --dir)"},
		{"metrics", "node.metrics", "`address` of /metrics, /healthz and /readyz (default 127.0.0.1:9471)"},
		{"sysfs-root", "node.sysfs", "`folder` above sys/, or sys/ itself (default /)"},
		{"dev-root", "node.dev", "`folder` of kfd and dri/ (default /dev)"},
		{"runtime", "node.runtime", "docker or process (default docker where it answers)"},
		{"ports", "node.ports", "`range` of endpoint ports (default 21000-21999)"},
		{"level", "node.level", "container profile: strict, compat, vendor (default compat)"},
		{"cache", "node.cache", "`folder` of model weights (default $HF_HOME or ~/.cache/huggingface)"},
		{"hub-endpoint", "node.hub_endpoint", "`URL` of the model hub (default the public one)"},
		{"log-level", "log_level", "debug, info, warn or error (default info)"},
	} {
		flags.String(f.flag, "", f.text)
		cli.Setting(flags, f.flag, f.key)
	}
	flags.Bool("shares", false, "let replicas share the memory of one GPU (default whole GPUs only)")
	cli.Setting(flags, "shares", "node.shares")
	flags.StringArray("label", nil, "`name=value` that selectors look for; repeatable")
	flags.StringArray("secret", nil, "secret `reference` that deployments may name, * for the rest of it; repeatable (default none)")
	flags.StringArray("registry", nil, "`prefix` of images that may run; repeatable (default all)")
	flags.StringArray("weight-root", nil, "`folder` below which a model may be given by path; repeatable")
	cli.Setting(flags, "label", "node.labels")
	cli.Setting(flags, "registry", "node.registries")
	cli.Setting(flags, "secret", "node.secrets")
	cli.Setting(flags, "weight-root", "node.weight_roots")
	flags.StringArray("remote-code", nil, "`model` whose own code servers may run, owner/* or * for all (setting node.remote_code); repeatable")
	cli.Setting(flags, "remote-code", "node.remote_code")
}

// run refuses a folder that is no sysfs here; a machine without GPUs goes on.
func (o runOptions) run(ctx context.Context, a *cli.App) error {
	if err := a.CheckSysfs(); err != nil {
		return err
	}
	node, err := worker.NewNode(ctx, a.Settings.Connection, a.Settings.Node, a.Logger())
	if err != nil {
		return cli.Next(cli.Failed("start node %s: %w", a.Settings.Node.ID, err), "aim doctor")
	}
	return cli.DaemonEnd(ctx, "node "+a.Settings.Node.ID, node.Run(ctx))
}
