package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// deployment is one run of a Deployment workflow: it keeps as many replicas as
// are wanted, each a workflow of its own, and rolls them to what is wanted now.
//
//	choose a ladder → [ reconcile ⇄ wait for a change ]* → stopped | failed
type deployment struct {
	now deploymentState

	wake  bool                // something has changed: reconcile
	stop  string              // why it is to end; "" = it is not
	apply *aim.DeploymentSpec // accepted, not yet taken up

	choosing bool // a changed spec's ladder is being chosen
}

// deploymentState is carried from run to run.
type deploymentState struct {
	Spec       aim.DeploymentSpec `json:"spec"`
	UID        string             `json:"uid"`
	Revision   int                `json:"revision"`   // accepted changes of the spec
	Generation int                `json:"generation"` // changes that need new servers, restarts included
	Ladder     aim.Ladder         `json:"ladder"`
	Replicas   []*member          `json:"replicas"` // by ordinal
	Move       *moving            `json:"move,omitempty"`
	Note       string             `json:"note,omitempty"`      // what became of the last move
	NotTaken   *aim.Failure       `json:"not_taken,omitempty"` // why the last change was not taken up
	Failed     *aim.Failure       `json:"failed,omitempty"`
	EverReady  bool               `json:"ever_ready"`
	Phase      aim.Phase          `json:"phase"` // as last shown
	Deadline   time.Time          `json:"deadline"`
}

// Deployment keeps a model in service until it is stopped. spec is what the
// user wants; resume is the workflow's own carried state. It closes with the
// last status; a deployment that was never ready and has nothing left to try
// closes as failed.
func Deployment(ctx workflow.Context, spec aim.DeploymentSpec, resume *deploymentState) (aim.Status, error) {
	d := &deployment{}
	if resume != nil {
		d.now = *resume
	} else {
		d.now = firstWish(ctx, spec)
	}
	if err := d.serve(ctx); err != nil {
		return d.status(), err
	}
	if resume != nil {
		d.attach(ctx)
	}
	return d.run(ctx)
}

func firstWish(ctx workflow.Context, spec aim.DeploymentSpec) deploymentState {
	info := workflow.GetInfo(ctx)
	if spec.Name == "" {
		spec.Name = info.WorkflowExecution.ID
	}
	s := deploymentState{Spec: spec, UID: firstRun(ctx), Revision: 1, Generation: 1, Phase: aim.Pending}
	if spec.Timeout > 0 {
		s.Deadline = workflow.Now(ctx).Add(time.Duration(spec.Timeout))
	}
	return s
}

// run is the whole story; see the drawing above.
func (d *deployment) run(ctx workflow.Context) (aim.Status, error) {
	if len(d.now.Ladder.Rungs) == 0 {
		d.choose(ctx)
	}
	for !d.over() {
		d.reconcile(ctx)
		d.show(ctx)
		if d.over() {
			break
		}
		d.awaitChange(ctx)
		if d.renews(ctx) {
			return d.status(), workflow.NewContinueAsNewError(ctx, TypeDeployment, d.now.Spec, &d.now)
		}
	}
	d.now.Phase = "" // show the end, whatever was shown before
	d.show(ctx)
	if d.now.Failed != nil {
		return d.status(), failed(d.now.Failed)
	}
	return d.status(), nil
}

// choose asks for the ladder of the spec at hand. A spec that cannot be met
// fails a new deployment, and leaves a running one as it was.
func (d *deployment) choose(ctx workflow.Context) {
	summary := "recipes for " + d.now.Spec.Model
	if name := workflow.GetInfo(ctx).WorkflowExecution.ID; d.now.Spec.Name != name {
		d.now.Failed = aim.Failf(aim.ClassInput, "name %q is not the workflow id %q; leave it out or make them equal", d.now.Spec.Name, name)
		return
	}
	var res activities.SelectResult
	err := workflow.ExecuteActivity(on(ctx, activities.SelectRecipes, "", summary),
		activities.SelectRecipes, activities.SelectRequest{Spec: d.now.Spec}).Get(ctx, &res)
	if ctx.Err() != nil {
		d.stop = "the workflow was cancelled"
		return
	}
	if d.now.Failed = failureOf(err, ""); d.now.Failed == nil {
		d.now.Ladder = res.Ladder
	}
}

// over tells whether nothing is left to do.
func (d *deployment) over() bool {
	for _, m := range d.now.Replicas {
		if !m.Closed {
			return false
		}
	}
	return d.stop != "" || d.now.Failed != nil
}

// awaitChange waits for a command, a report, the end of a replica, the
// deadline of a first start, cancellation, or a history that has grown long.
func (d *deployment) awaitChange(ctx workflow.Context) {
	wait := func() bool {
		return d.wake || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
	}
	left := d.now.Deadline.Sub(workflow.Now(ctx))
	ending := d.stop != "" || d.now.Failed != nil
	var err error
	switch {
	case ending: // cancelling again changes nothing
		free, _ := workflow.NewDisconnectedContext(ctx)
		err = workflow.Await(free, func() bool { return d.wake })
	case !d.now.Deadline.IsZero() && !d.now.EverReady && left > 0:
		_, err = workflow.AwaitWithTimeout(ctx, left, wait)
	default:
		err = workflow.Await(ctx, wait)
	}
	d.wake = false
	if err != nil && d.stop == "" {
		d.stop = "the workflow was cancelled"
	}
	d.checkDeadline(ctx)
	d.checkFailed()
	if d.apply != nil && d.stop == "" {
		d.change(ctx)
	}
}

// checkDeadline gives up a first start that has taken longer than the spec
// allows.
func (d *deployment) checkDeadline(ctx workflow.Context) {
	if d.now.Deadline.IsZero() || d.now.EverReady || d.now.Failed != nil || workflow.Now(ctx).Before(d.now.Deadline) {
		return
	}
	_, reason := summarize(d.now, d.stop)
	d.now.Failed = aim.Failf(aim.ClassTimeout, "not ready within %s; last seen: %s", time.Duration(d.now.Spec.Timeout), reason)
}

// checkFailed ends a deployment that was never ready when every replica has run
// out of rungs.
func (d *deployment) checkFailed() {
	if d.now.EverReady || d.now.Failed != nil || len(d.now.Replicas) == 0 {
		return
	}
	for _, m := range d.now.Replicas {
		if m.Status.Phase != aim.Failed {
			return
		}
	}
	d.now.Failed = lastFailure(d.now.Replicas[0].Status)
}

func lastFailure(s aim.ReplicaStatus) *aim.Failure {
	if len(s.Tries) == 0 {
		return aim.Failf(aim.ClassInternal, "%s", s.Reason)
	}
	t := s.Tries[len(s.Tries)-1]
	return &aim.Failure{Class: t.Class, Why: t.Why, LogLines: t.Lines}
}

// change takes up the spec that Apply has left.
func (d *deployment) change(ctx workflow.Context) {
	before := d.now
	d.now.Spec, d.apply = *d.apply, nil
	if !needsServers(before.Spec, d.now.Spec) {
		return
	}
	d.choosing = true
	d.choose(ctx)
	d.choosing = false
	if d.now.Failed != nil {
		if d.apply != nil && !needsServers(*d.apply, d.now.Spec) { // a scale that came meanwhile is of what goes on
			scaled := withNumbers(before.Spec, *d.apply)
			d.apply = &scaled
		}
		d.now.Spec, d.now.Ladder = before.Spec, before.Ladder
		d.now.NotTaken, d.now.Failed = d.now.Failed, nil
		return
	}
	d.now.Generation++
}

// needsServers tells whether going from a to b needs new servers.
func needsServers(a, b aim.DeploymentSpec) bool { return !withNumbers(a, b).Equal(b) }

// withNumbers is the spec with what another says about the number of replicas and
// the manner of change, which need no new servers.
func withNumbers(s, of aim.DeploymentSpec) aim.DeploymentSpec {
	s.Replicas, s.MinAvailable, s.MaxUnavailable = of.Replicas, of.MinAvailable, of.MaxUnavailable
	s.Priority, s.Timeout = of.Priority, of.Timeout
	return s
}

// renews tells whether to continue as new: the history is long, nothing is
// half done, and every message has been taken.
func (d *deployment) renews(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx) &&
		d.stop == "" && d.now.Failed == nil && d.apply == nil && !d.wake && ctx.Err() == nil
}
