package node

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

type uncordonOptions struct{}

func newUncordon(a *cli.App) *cobra.Command {
	var o uncordonOptions
	cmd := &cobra.Command{
		Use:     "uncordon NODE",
		Short:   "Place new replicas on a node again",
		Example: "  aim node uncordon n1",
		Args:    cli.Named("NODE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	return a.Prints(cmd, activities.SetNodeResult{}.State)
}

func (o uncordonOptions) run(ctx context.Context, a *cli.App, id string) error {
	open := ""
	if err := setNode(ctx, a, id, activities.SetNodeRequest{Cordon: &open}); err != nil {
		return err
	}
	a.Hint("%s takes new replicas", id)
	return nil
}
