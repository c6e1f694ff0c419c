package node

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type showOptions struct{}

func newShow(a *cli.App) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:     "show NODE",
		Short:   "Show one node GPU by GPU: holder, memory, health",
		Example: "  aim node show n1",
		Args:    cli.Named("NODE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	return a.Prints(cmd, aim.FleetNode{})
}

func (o showOptions) run(ctx context.Context, a *cli.App, id string) error {
	n, err := a.Node(ctx, id)
	if err != nil {
		return err
	}
	one := aim.Fleet{Nodes: []aim.FleetNode{n}}
	a.Live(ctx, one, cli.LiveWithin)
	n = one.Nodes[0]
	if a.Programs() {
		return display.Data(a.Out, a.Format, n)
	}
	display.Node(a.Out, n)
	return nil
}
