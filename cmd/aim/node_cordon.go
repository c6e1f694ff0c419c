package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/activities"
)

type nodeCordonOptions struct{ why string }

func newNodeCordon(a *app) *cobra.Command {
	var o nodeCordonOptions
	cmd := &cobra.Command{
		Use:     "cordon NODE",
		Short:   "Place no new replica on a node; those that run stay",
		Example: `  aim node cordon n1 --why "replace a fan"`,
		Args:    named("NODE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().StringVar(&o.why, "why", "cordoned by hand", "the reason, shown wherever the node is")
	return cmd
}

// run needs a reason: "" would open the node.
func (o nodeCordonOptions) run(ctx context.Context, a *app, id string) error {
	if o.why == "" {
		return usage("--why may not be empty")
	}
	if err := a.setNode(ctx, id, activities.SetNodeRequest{Cordon: &o.why}); err != nil {
		return err
	}
	a.hint("%s takes no new replicas\nnext: aim node uncordon %s", id, id)
	return nil
}
