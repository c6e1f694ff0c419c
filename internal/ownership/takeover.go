package ownership

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// takeOverWithin bounds the questions at the start of an agent; what is left
// then comes back when its heartbeat runs out.
const takeOverWithin = 5 * time.Second

// TakeOver hands the steps that a killed agent of a node has left behind back to
// Temporal, which gives them to the agent that calls it at once, and not only when
// their heartbeats have run out: until then a server that died meanwhile would count
// as ready.
//
// It is called before that agent takes any step: the ledger has one agent at a time,
// so whatever has been started under the node's name was started by one that is gone.
type TakeOver struct {
	Client    client.Client
	Namespace string
	Node      string // its id
	Identity  string // of the node's agents in Temporal
	Log       *slog.Logger
}

// Of takes over what was being done for these claims. What it cannot take over comes
// back by itself when its heartbeat runs out.
func (t TakeOver) Of(ctx context.Context, claims []aim.Claim) {
	ctx, cancel := context.WithTimeout(ctx, takeOverWithin)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(8)
	for _, c := range claims {
		group.Go(func() error {
			if err := t.steps(ctx, c.Identity); err != nil {
				t.Log.Warn("could not take over what an earlier agent was doing; it comes back by itself", "replica", c.ReplicaName(), "error", err)
			}
			return nil
		})
	}
	_ = group.Wait()
}

func (t TakeOver) steps(ctx context.Context, id aim.Identity) error {
	workflow := workflows.ReplicaID(id.Deployment, id.Ordinal)
	d, err := t.Client.DescribeWorkflowExecution(ctx, workflow, "")
	if err != nil {
		return fmt.Errorf("ask Temporal about %s: %w", workflow, err)
	}
	var errs []error
	for _, p := range d.PendingActivities {
		if p.State != enums.PENDING_ACTIVITY_STATE_STARTED || p.LastWorkerIdentity != t.Identity {
			continue
		}
		run := d.WorkflowExecutionInfo.Execution.RunId
		if err := t.Client.CompleteActivityByID(ctx, t.Namespace, workflow, run, p.ActivityId, nil, t.startedAnew()); err != nil {
			errs = append(errs, fmt.Errorf("hand back %s of %s: %w", p.ActivityType.GetName(), workflow, err))
			continue
		}
		t.Log.Info("took over", "step", p.ActivityType.GetName(), "replica", id.ReplicaName())
	}
	return errors.Join(errs...)
}

// startedAnew is how a step ends that an agent has left behind. It is tried again;
// where it has been left too often, that tells of the node, as its silence would.
func (t TakeOver) startedAnew() error {
	f := aim.Failf(aim.ClassNodeLost, "the agent of node %s was started anew", t.Node)
	return temporal.NewApplicationErrorWithOptions(f.Text(), string(f.Class), temporal.ApplicationErrorOptions{Details: []any{*f}})
}
