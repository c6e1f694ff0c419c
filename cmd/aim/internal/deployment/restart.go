package deployment

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

type restartOptions struct {
	why  string
	wait cli.WaitFlags
}

func NewRestart(a *cli.App) *cobra.Command {
	var o restartOptions
	cmd := &cobra.Command{
		Use:     "restart NAME",
		Short:   "Replace the servers of a deployment, a few at a time",
		Example: `  aim restart qwen3-32b --why "new driver"`,
		Args:    cli.Named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().StringVar(&o.why, "why", "", "the reason, for the history")
	o.wait.Add(cmd)
	return a.Prints(cmd, aim.Status{}, workflows.Applied{})
}

func (o restartOptions) run(ctx context.Context, a *cli.App, name string) error {
	return change(ctx, a, name, workflows.UpdateRestart, workflows.RestartRequest{Why: o.why}, o.wait, nil)
}
