package model

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

type listOptions struct{ node string }

func newList(a *cli.App) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list [--node NODE]",
		Aliases: []string{"ls"},
		Short:   "List the models whose weights are complete on a node",
		Example: "  aim model list -o jsonl",
		Args:    cli.Named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.node, "node", "", "only of this node")
	return a.Prints(cmd, []keptModel{})
}

func (o listOptions) run(ctx context.Context, a *cli.App) error {
	if o.node != "" {
		if _, err := a.Node(ctx, o.node); err != nil {
			return err
		}
	}
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return err
	}
	kept := keptModels(fleet, o.node)
	if a.Programs() {
		return display.List(a.Out, a.Format, kept)
	}
	if len(kept) == 0 {
		a.Hint("no node keeps a model\nnext: aim model fetch MODEL")
		return nil
	}
	t := display.Table{Header: []string{"MODEL", "NODE", "SIZE"}}
	for _, k := range kept {
		size := "-"
		if k.Bytes > 0 {
			size = display.Bytes(k.Bytes)
		}
		t.Add(k.Model, k.Node, size)
	}
	t.Print(a.Out)
	return nil
}
