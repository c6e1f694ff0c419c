package deployment

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

type rollbackOptions struct {
	why  string
	wait cli.WaitFlags
}

func NewRollback(a *cli.App) *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Take the last change of a deployment back",
		Long: `Take the last change of a deployment back: what was in service before it is brought
back, a few replicas at a time. A change that is still on its way is given up. One
that was not taken up needs no rollback.`,
		Example: `  aim rollback qwen3-32b --why "slower than before"`,
		Args:    cli.Named("NAME"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().StringVar(&o.why, "why", "", "the reason, for the history")
	o.wait.Add(cmd)
	return a.Prints(cmd, aim.Status{}, workflows.Applied{})
}

func (o rollbackOptions) run(ctx context.Context, a *cli.App, name string) error {
	return change(ctx, a, name, workflows.UpdateRollback, workflows.RollbackRequest{Why: o.why}, o.wait, nil)
}
