package node

import (
	"context"

	"github.com/aim-engine/aim"
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

// runtime is the first runtime that works.
func (n *Node) runtime(ctx context.Context) (Runtime, error) {
	var last error = aim.Failf(aim.ClassRuntime, "node %s has no runtime", n.opts.ID)
	for _, r := range n.ports.Runtimes {
		if last = r.Check(ctx); last == nil {
			return r, nil
		}
	}
	return nil, last
}
