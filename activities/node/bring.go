package node

import (
	"context"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// PullImage makes the image present on the node.
func (n *Node) PullImage(ctx context.Context, req activities.PullRequest) (activities.StepResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	if err := n.checkImage(req.Image); err != nil {
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

// checkImage refuses images from registries that this node does not allow.
func (n *Node) checkImage(image string) error {
	if len(n.opts.Registries) == 0 {
		return nil
	}
	for _, prefix := range n.opts.Registries {
		if strings.HasPrefix(image, prefix) {
			return nil
		}
	}
	return aim.Failf(aim.ClassImage, "node %s does not allow image %s; it allows %s", n.opts.ID, image, strings.Join(n.opts.Registries, ", "))
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
