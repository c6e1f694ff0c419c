package node

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type listOptions struct{}

func newList(a *cli.App) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the nodes and how many of their GPUs are free",
		Example: "  aim node list -o jsonl",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	return a.Prints(cmd, []aim.FleetNode{})
}

func (o listOptions) run(ctx context.Context, a *cli.App) error {
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return err
	}
	if a.Programs() {
		return display.List(a.Out, a.Format, fleet.Nodes)
	}
	if len(fleet.Nodes) == 0 {
		a.Hint("no node has reported\nnext: aim node run")
		return nil
	}
	display.Nodes(a.Out, fleet)
	return nil
}
