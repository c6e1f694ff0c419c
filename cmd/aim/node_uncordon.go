package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/activities"
)

type nodeUncordonOptions struct{}

func newNodeUncordon(a *app) *cobra.Command {
	var o nodeUncordonOptions
	return &cobra.Command{
		Use:     "uncordon NODE",
		Short:   "Place new replicas on a node again",
		Example: "  aim node uncordon n1",
		Args:    named("NODE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
}

func (o nodeUncordonOptions) run(ctx context.Context, a *app, id string) error {
	open := ""
	if err := a.setNode(ctx, id, activities.SetNodeRequest{Cordon: &open}); err != nil {
		return err
	}
	a.hint("%s takes new replicas", id)
	return nil
}
