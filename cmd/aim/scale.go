package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/workflows"
)

type scaleOptions struct{ wait waitFlags }

func newScale(a *app) *cobra.Command {
	var o scaleOptions
	cmd := &cobra.Command{
		Use:     "scale NAME REPLICAS",
		Short:   "Change how many replicas a deployment keeps running",
		Example: "  aim scale qwen3-32b 3",
		Args:    named("NAME", "REPLICAS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return usage("REPLICAS %q is not a whole number", args[1])
			}
			if n < 1 {
				return &problem{err: usage("REPLICAS is %d; it must be 1 or more", n), next: "aim stop " + args[0], code: exitUsage}
			}
			return o.run(cmd.Context(), a, args[0], n)
		},
	}
	o.wait.add(cmd)
	return cmd
}

func (o scaleOptions) run(ctx context.Context, a *app, name string, replicas int) error {
	return a.change(ctx, name, workflows.UpdateScale, workflows.ScaleRequest{Replicas: replicas}, o.wait, nil)
}
