package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// takeOverWithin bounds the questions at the start of an agent; what is left
// then comes back when its heartbeat runs out.
const takeOverWithin = 5 * time.Second

// takeOver hands the steps that a killed agent of this node has left behind back
// to Temporal, which gives them to this agent at once, and not only when their
// heartbeats have run out: until then a server that died meanwhile would count as
// ready.
//
// It is called before this agent takes any step: the ledger has one agent at a
// time, so whatever has been started under the node's name was started by one
// that is gone.
func (n *Node) takeOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, takeOverWithin)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(8)
	for _, c := range n.ledger.Claims() {
		group.Go(func() error {
			if err := n.takeOverSteps(ctx, c.Identity); err != nil {
				n.log.Warn("could not take over what an earlier agent was doing; it comes back by itself", "replica", c.ReplicaName(), "error", err)
			}
			return nil
		})
	}
	_ = group.Wait()
}

func (n *Node) takeOverSteps(ctx context.Context, id aim.Identity) error {
	workflow := workflows.ReplicaID(id.Deployment, id.Ordinal)
	d, err := n.temporal.DescribeWorkflowExecution(ctx, workflow, "")
	if err != nil {
		return fmt.Errorf("ask Temporal about %s: %w", workflow, err)
	}
	var errs []error
	for _, p := range d.PendingActivities {
		if p.State != enums.PENDING_ACTIVITY_STATE_STARTED || p.LastWorkerIdentity != n.identity() {
			continue
		}
		run := d.WorkflowExecutionInfo.Execution.RunId
		if err := n.temporal.CompleteActivityByID(ctx, n.to.Temporal.Namespace, workflow, run, p.ActivityId, nil, n.startedAnew()); err != nil {
			errs = append(errs, fmt.Errorf("hand back %s of %s: %w", p.ActivityType.GetName(), workflow, err))
			continue
		}
		n.log.Info("took over", "step", p.ActivityType.GetName(), "replica", id.ReplicaName())
	}
	return errors.Join(errs...)
}

// startedAnew is how a step ends that an agent has left behind. It is tried again;
// where it has been left too often, that tells of the node, as its silence would.
func (n *Node) startedAnew() error {
	f := aim.Failf(aim.ClassNodeLost, "the agent of node %s was started anew", n.cfg.ID)
	return temporal.NewApplicationErrorWithOptions(f.Text(), string(f.Class), temporal.ApplicationErrorOptions{Details: []any{*f}})
}

// identity is the agent's name in Temporal.
func (n *Node) identity() string { return "aim-node/" + n.cfg.ID }
