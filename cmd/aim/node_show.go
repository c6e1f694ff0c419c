package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/display"
)

type nodeShowOptions struct{}

func newNodeShow(a *app) *cobra.Command {
	var o nodeShowOptions
	return &cobra.Command{
		Use:     "show NODE",
		Short:   "Show one node GPU by GPU: holder, memory, health",
		Example: "  aim node show n1",
		Args:    named("NODE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
}

func (o nodeShowOptions) run(ctx context.Context, a *app, id string) error {
	n, err := a.node(ctx, id)
	if err != nil {
		return err
	}
	if a.programs() {
		return display.Data(a.out, a.format, n)
	}
	display.Node(a.out, n)
	return nil
}
