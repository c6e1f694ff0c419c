package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/display"
)

type nodeListOptions struct{}

func newNodeList(a *app) *cobra.Command {
	var o nodeListOptions
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the nodes and how many of their GPUs are free",
		Example: "  aim node list -o jsonl",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
}

func (o nodeListOptions) run(ctx context.Context, a *app) error {
	fleet, err := a.fleet(ctx)
	if err != nil {
		return err
	}
	if a.programs() {
		return display.List(a.out, a.format, fleet.Nodes)
	}
	if len(fleet.Nodes) == 0 {
		a.hint("no node has reported\nnext: aim node run")
		return nil
	}
	display.Nodes(a.out, fleet)
	return nil
}
