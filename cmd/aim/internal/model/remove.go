package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/workflows"
)

const (
	// removeTakenUp is how long a node may take to begin; it is idle or gone.
	removeTakenUp = 10 * time.Second
	// removeWithin is how long deleting may take: a download of the same model
	// is waited for, and a disk unlinks some GB a second.
	removeWithin = 10 * time.Minute
)

type removeOptions struct{ nodes []string }

func newRemove(a *cli.App) *cobra.Command {
	var o removeOptions
	cmd := &cobra.Command{
		Use:     "remove MODEL [--node NODE]...",
		Aliases: []string{"rm"},
		Short:   "Delete the weights of a model from nodes",
		Long: `Remove deletes all revisions of a model from the caches of nodes: of those that
--node names, else of all that keep it. A node whose servers read the model
refuses.`,
		Example: "  aim model remove Qwen/Qwen3-32B --node n1",
		Args:    cli.Named("MODEL"),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	cmd.Flags().StringArrayVar(&o.nodes, "node", nil, "only from this node; repeatable")
	return cmd
}

func (o removeOptions) run(ctx context.Context, a *cli.App, model string) error {
	nodes, err := o.keepers(ctx, a, model)
	if err != nil {
		return err
	}
	c, err := a.Temporal(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, node := range nodes {
		if err := removeModel(ctx, a, c, node, model); err != nil {
			all = errors.Join(all, err)
			continue
		}
		a.Hint("%s is gone from %s", model, node)
	}
	return all
}

// keepers are the nodes to ask. One that does not keep the model is no error for
// a node that is named: the wish is met.
func (o removeOptions) keepers(ctx context.Context, a *cli.App, model string) ([]string, error) {
	fleet, err := a.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range o.nodes {
		if _, err := a.Node(ctx, id); err != nil {
			return nil, err
		}
	}
	if len(o.nodes) > 0 {
		return o.nodes, nil
	}
	var nodes, known []string
	for _, k := range keptModels(fleet, "") {
		if known = append(known, k.Model); k.Model == model {
			nodes = append(nodes, k.Node)
		}
	}
	if len(nodes) > 0 {
		return nodes, nil
	}
	if near := aim.Nearest(model, slices.Compact(known)); near != "" {
		return nil, cli.Next(cli.Failed("no node keeps %s; did you mean %s?", model, near), "aim model remove %s", near)
	}
	return nil, cli.Next(cli.Failed("no node keeps %s", model), "aim model list")
}

// removeModel is one activity on the node's queue, so that the order is in
// Temporal's records like every other write.
func removeModel(ctx context.Context, a *cli.App, c client.Client, node, model string) error {
	handle, err := c.ExecuteActivity(ctx, client.StartActivityOptions{
		ID:                     fmt.Sprintf("remove/%s/%s", node, model),
		TaskQueue:              activities.NodeQueue(node),
		ScheduleToStartTimeout: removeTakenUp,
		ScheduleToCloseTimeout: removeWithin,
		HeartbeatTimeout:       removeTakenUp,
		Summary:                fmt.Sprintf("remove %s from node %s", model, node),
	}, activities.RemoveModel, activities.RemoveModelRequest{Model: model})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	var timeout *temporal.TimeoutError
	switch {
	case err == nil:
		return nil
	case workflows.CarriedFailure(err) != nil:
		return workflows.CarriedFailure(err)
	case errors.As(err, &timeout) && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START:
		return cli.Next(aim.Failf(aim.ClassNodeLost, "node %s has not taken up the order within %s", node, removeTakenUp), "aim node show %s", node)
	}
	return cli.Next(cli.Failed("remove %s from node %s: %v", model, node, cli.ShortCause(err)), "aim doctor")
}
