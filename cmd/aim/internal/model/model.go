// Package model has the commands about the weights that nodes keep.
package model

import (
	"cmp"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
)

func New(a *cli.App) *cobra.Command {
	return cli.Group("model", "Fetch, list and remove the weights that nodes keep", "  aim model list",
		newFetch(a), newList(a), newRemove(a))
}

// keptModel is a model in the cache of a node.
type keptModel struct {
	Model string `json:"model"`
	Node  string `json:"node"`
	Bytes uint64 `json:"bytes,omitempty"` // 0 = not known
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
