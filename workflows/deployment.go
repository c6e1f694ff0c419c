package workflows

import (
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Deployment keeps a model in service until it is stopped. spec is what the
// user wants; resume is the workflow's own carried state. It closes with the
// last status; a deployment that was never ready and has nothing left to try
// closes as failed. What it does is decided by deploymentMachine; here it is
// carried out.
func Deployment(ctx workflow.Context, spec aim.DeploymentSpec, resume *deploymentState) (aim.Status, error) {
	d := &deployment{m: newDeploymentMachine(workflow.GetInfo(ctx).WorkflowExecution.ID, firstRun(ctx), spec, resume)}
	d.loop = loop{m: d.m, do: d.do, shown: d.show}
	d.summarises = workflow.GetVersion(ctx, "summary in the memo", workflow.DefaultVersion, 1) == 1
	d.watchCancel(ctx)
	listen(ctx, &d.loop, signalReport, "a replica tells its status", func(r report) event { return reported{r} })
	if err := d.serve(ctx); err != nil {
		return d.m.status(), err
	}
	if d.run(ctx, resume != nil) {
		return d.m.status(), workflow.NewContinueAsNewError(ctx, TypeDeployment, d.m.now.Spec, &d.m.now)
	}
	if f := d.m.now.Failed; f != nil {
		return d.m.status(), failed(f)
	}
	return d.m.status(), nil
}

// deployment carries a deploymentMachine in a workflow.
type deployment struct {
	loop
	m          *deploymentMachine
	summarises bool // false in runs that began before there were summaries
	summary    shownSummary
}

// serve registers what a user may say. A validator refuses before anything is
// written to the history.
func (d *deployment) serve(ctx workflow.Context) error {
	for _, q := range []struct {
		name, text string
		handler    any
	}{
		{QueryStatus, "the deployment, its replicas, and what was tried", func() (aim.Status, error) { return d.m.status(), nil }},
		{QueryVersion, "what a replica of this version is to run", func(n int) (activities.VersionResult, error) { return d.m.versionAnswer(n), nil }},
	} {
		if err := workflow.SetQueryHandlerWithOptions(ctx, q.name, q.handler, workflow.QueryHandlerOptions{Description: q.text}); err != nil {
			return err
		}
	}
	m := d.m
	for _, u := range []struct {
		name, text         string
		handler, validator any
	}{
		{UpdateApply, "want this DeploymentSpec", update(d, m.apply), check(m.checkApply)},
		{UpdateScale, "want another number of replicas", update(d, m.scale), check(m.checkScale)},
		{UpdateRestart, "replace the servers, one at a time",
			update(d, func(RestartRequest) Applied { return m.restartAll() }), check(func(RestartRequest) error { return m.checkOpen() })},
		{UpdateMove, "take one replica to another node", update(d, m.move), check(m.checkMove)},
		{UpdateRollback, "go back to what was in service before the last change",
			update(d, func(RollbackRequest) Applied { return m.rollback() }), check(func(RollbackRequest) error { return m.checkRollback() })},
		{UpdateStop, "end the deployment and free its GPUs", update(d, m.stopOnRequest),
			check(func(StopRequest) error { return nil })}, // at any time: asking twice is no mistake
	} {
		if err := workflow.SetUpdateHandlerWithOptions(ctx, u.name, u.handler,
			workflow.UpdateHandlerOptions{Description: u.text, Validator: u.validator}); err != nil {
			return err
		}
	}
	return nil
}

// update makes a handler of what the machine does about a request.
func update[R any](d *deployment, do func(R) Applied) func(workflow.Context, R) (Applied, error) {
	return func(ctx workflow.Context, r R) (Applied, error) {
		d.m.begins(workflow.Now(ctx))
		a := do(r)
		for _, x := range d.m.out {
			d.do(ctx, x)
		}
		d.push(asked{})
		return a, nil
	}
}

func check[R any](ok func(R) error) func(workflow.Context, R) error {
	return func(_ workflow.Context, r R) error { return ok(r) }
}

// do carries out one action.
func (d *deployment) do(ctx workflow.Context, a action) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // a replica must be there for the stop that follows a cancellation
	switch a := a.(type) {
	case choose:
		d.choose(ctx, a)
	case startChild:
		d.startChild(ctx, a)
	case order:
		sent := workflow.SignalExternalWorkflow(ctx, ReplicaID(d.m.now.Spec.Name, a.ordinal), "", signalCommand, a.c)
		d.fly(ctx, func(ctx workflow.Context) {
			if isGone(sent.Get(ctx, nil)) {
				d.push(childEnded{ordinal: a.ordinal, run: a.run})
			}
		})
	}
}

func (d *deployment) choose(ctx workflow.Context, a choose) {
	f := workflow.ExecuteActivity(on(ctx, activities.SelectRecipes, "", "recipes for "+a.spec.Model),
		activities.SelectRecipes, activities.SelectRequest{Spec: a.spec})
	workflow.Go(ctx, func(ctx workflow.Context) {
		var res activities.SelectResult
		err := f.Get(ctx, &res)
		d.push(chosen{failure: failureOf(err, ""), ladder: res.Ladder})
	})
}

// startChild starts the replica's workflow and follows it to its end. The end is
// also known from its last report; after a continue-as-new only from there.
func (d *deployment) startChild(ctx workflow.Context, a startChild) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            ReplicaID(a.in.Name, a.in.Ordinal),
		TaskQueue:             Queue,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         "a replica of " + d.m.now.Spec.Model,
		TypedSearchAttributes: temporal.NewSearchAttributes(AttrModel.ValueSet(d.m.now.Spec.Model),
			AttrDeployment.ValueSet(a.in.Name), AttrPhase.ValueSet(string(aim.Pending))),
	})
	child := workflow.ExecuteChildWorkflow(ctx, TypeReplica, a.in, nil)
	d.fly(ctx, func(ctx workflow.Context) {
		var run workflow.Execution
		err := child.GetChildWorkflowExecution().Get(ctx, &run)
		d.push(childBegan{ordinal: a.in.Ordinal, run: run.RunID, failed: err != nil,
			taken: temporal.IsWorkflowExecutionAlreadyStartedError(err)})
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		var run workflow.Execution
		if child.GetChildWorkflowExecution().Get(ctx, &run) == nil {
			_ = child.Get(ctx, nil)
			d.push(childEnded{ordinal: a.in.Ordinal, run: run.RunID})
		}
	})
}

// show puts the phase where the Temporal UI and its lists find it.
func (d *deployment) show(ctx workflow.Context) {
	s := d.m.status()
	workflow.SetCurrentDetails(ctx, clip(deploymentCard(s), maxCard))
	if summary := summaryOf(s); d.summarises && summary.shown() != d.summary {
		d.summary = summary.shown()
		_ = workflow.UpsertMemo(ctx, map[string]any{MemoSummary: summary})
	}
	if s.Phase == d.m.now.Phase && !d.m.over() {
		return
	}
	if d.m.now.Phase == aim.Pending {
		_ = workflow.UpsertTypedSearchAttributes(ctx, AttrModel.ValueSet(s.Model), AttrDeployment.ValueSet(s.Name))
	}
	d.m.now.Phase = s.Phase
	_ = workflow.UpsertTypedSearchAttributes(ctx, AttrPhase.ValueSet(string(s.Phase)))
}
