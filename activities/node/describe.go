package node

import (
	"context"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Describe reads a model's config.json: in its folder, in the node's cache, or
// on the hub, with the token that the deployment or the node names.
func (n *Node) Describe(ctx context.Context, req activities.DescribeRequest) (activities.DescribeResult, error) {
	hub, err := n.hub(req.Secrets)
	if err != nil {
		return activities.DescribeResult{}, err
	}
	config, bytes, err := hub.Describe(ctx, req.Model, req.Revision)
	if err != nil {
		return activities.DescribeResult{}, err
	}
	return activities.DescribeResult{
		Model: req.Model, Config: config, WeightBytes: bytes, From: "its config.json on " + n.opts.ID,
		Beside: hub.Beside(ctx, req.Model, req.Revision, aim.BesideConfig()),
	}, nil
}
