package control

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/workflows"
)

// Workflows reaches Deployment and Replica workflows through Temporal.
type Workflows struct {
	Temporal client.Client
}

const (
	// statusWithin bounds one question to a deployment, moveTakenWithin the
	// answer to one order.
	statusWithin    = 5 * time.Second
	moveTakenWithin = 30 * time.Second
	// askAtOnce keeps the questions from filling control's own workers.
	askAtOnce = 16
)

// Statuses implements Deployments.
func (w Workflows) Statuses(ctx context.Context, names []string) map[string]aim.Status {
	found := map[string]aim.Status{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	for _, name := range names {
		group.Go(func() error {
			s, err := w.statusOf(ctx, name, "")
			if err != nil {
				return nil // left out
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = s
			return nil
		})
	}
	_ = group.Wait() // nobody returns an error
	return found
}

// statusOf asks one run of a deployment; "" is the latest.
func (w Workflows) statusOf(ctx context.Context, name, run string) (s aim.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	answer, err := w.Temporal.QueryWorkflow(ctx, workflows.DeploymentID(name), run, workflows.QueryStatus)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

// Version implements Versions.
func (w Workflows) Version(ctx context.Context, req activities.VersionRequest) (v activities.VersionResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	answer, err := w.Temporal.QueryWorkflow(ctx, workflows.DeploymentID(req.Name), "", workflows.QueryVersion, req.Version)
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return v, aim.Failf(aim.ClassOrphaned, "deployment %s has ended", req.Name)
	case err != nil:
		return v, fmt.Errorf("ask deployment %s what its replicas are to run: %w", req.Name, err)
	}
	return v, answer.Get(&v)
}

// Move implements Deployments. What the deployment refuses with is a
// Failure.
func (w Workflows) Move(ctx context.Context, name string, m workflows.MoveRequest) error {
	ctx, cancel := context.WithTimeout(ctx, moveTakenWithin)
	defer cancel()
	handle, err := w.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.DeploymentID(name), UpdateName: workflows.UpdateMove,
		Args:         []any{m},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if f := workflows.CarriedFailure(err); f != nil {
		return f
	}
	if err != nil {
		return fmt.Errorf("ask deployment %s to move replica %d off %s: %w", name, m.Ordinal, m.Off, err)
	}
	return nil
}
