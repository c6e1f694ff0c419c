package deployment

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

type scaleOptions struct{ wait cli.WaitFlags }

func NewScale(a *cli.App) *cobra.Command {
	var o scaleOptions
	cmd := &cobra.Command{
		Use:     "scale NAME REPLICAS",
		Short:   "Change how many replicas a deployment keeps running",
		Example: "  aim scale qwen3-32b 3",
		Args:    cli.Named("NAME", "REPLICAS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return cli.Usage("REPLICAS %q is not a whole number", args[1])
			}
			if n < 1 {
				return &cli.Problem{Err: cli.Usage("REPLICAS is %d; it must be 1 or more", n), Next: "aim stop " + args[0], Code: cli.ExitUsage}
			}
			return o.run(cmd.Context(), a, args[0], n)
		},
	}
	o.wait.Add(cmd)
	return a.Prints(cmd, aim.Status{}, workflows.Applied{})
}

func (o scaleOptions) run(ctx context.Context, a *cli.App, name string, replicas int) error {
	return change(ctx, a, name, workflows.UpdateScale, workflows.ScaleRequest{Replicas: replicas}, o.wait, nil)
}
