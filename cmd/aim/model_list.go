package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

type modelListOptions struct{ node string }

// keptModel is a model in the cache of a node.
type keptModel struct {
	Model string `json:"model"`
	Node  string `json:"node"`
	Bytes uint64 `json:"bytes,omitempty"` // 0 = not known
}

func newModelList(a *app) *cobra.Command {
	var o modelListOptions
	cmd := &cobra.Command{
		Use:     "list [--node NODE]",
		Aliases: []string{"ls"},
		Short:   "List the models whose weights are complete on a node",
		Example: "  aim model list -o jsonl",
		Args:    named(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	cmd.Flags().StringVar(&o.node, "node", "", "only of this node")
	return cmd
}

func (o modelListOptions) run(ctx context.Context, a *app) error {
	if o.node != "" {
		if _, err := a.node(ctx, o.node); err != nil {
			return err
		}
	}
	fleet, err := a.fleet(ctx)
	if err != nil {
		return err
	}
	kept := keptModels(fleet, o.node)
	if a.programs() {
		return display.List(a.out, a.format, kept)
	}
	if len(kept) == 0 {
		a.hint("no node keeps a model\nnext: aim model fetch MODEL")
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
	t.Print(a.out)
	return nil
}

// keptModels lists what nodes keep, by model and node; node "" is all of them.
func keptModels(fleet aim.Fleet, node string) []keptModel {
	kept := []keptModel{}
	for _, n := range fleet.Nodes {
		if node != "" && n.ID != node {
			continue
		}
		for _, m := range n.Models {
			kept = append(kept, keptModel{Model: m, Node: n.ID, Bytes: n.ModelBytes[m]})
		}
	}
	slices.SortFunc(kept, func(x, y keptModel) int { return cmp.Or(cmp.Compare(x.Model, y.Model), cmp.Compare(x.Node, y.Node)) })
	return kept
}
