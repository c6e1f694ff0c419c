package node

import (
	"context"

	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// PullImage makes the image present on the node.
func (n *Node) PullImage(ctx context.Context, req activities.PullRequest) (activities.StepResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	if err := container.CheckImage(req.Image, n.opts.Registries); err != nil {
		return activities.StepResult{}, activities.Carry(err)
	}
	r, err := n.runtime(ctx)
	if err != nil {
		return activities.StepResult{}, activities.Carry(err)
	}
	if ok, err := r.HasImage(ctx, req.Image); err == nil && ok {
		return activities.StepResult{Note: "present"}, nil
	}
	err = r.Pull(ctx, req.Image, beat.Report)
	return activities.StepResult{Bytes: beat.Done()}, activities.Carry(a.ended(err, n.opts.ID))
}
