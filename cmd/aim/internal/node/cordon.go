package node

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

type cordonOptions struct{ why string }

func newCordon(a *cli.App) *cobra.Command {
	var o cordonOptions
	cmd := &cobra.Command{
		Use:     "cordon NODE",
		Short:   "Place no new replica on a node; those that run stay",
		Example: `  aim node cordon n1 --why "replace a fan"`,
		Args:    cli.Named("NODE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().StringVar(&o.why, "why", "cordoned by hand", "the reason, shown wherever the node is")
	return a.Prints(cmd, activities.SetNodeResult{}.State)
}

// run needs a reason: "" would open the node.
func (o cordonOptions) run(ctx context.Context, a *cli.App, id string) error {
	if o.why == "" {
		return cli.Usage("--why may not be empty")
	}
	if err := setNode(ctx, a, id, activities.SetNodeRequest{Cordon: &o.why}); err != nil {
		return err
	}
	a.Hint("%s takes no new replicas\nnext: aim node uncordon %s", id, id)
	return nil
}
