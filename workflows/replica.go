package workflows

import (
	"crypto/rand"
	"encoding/hex"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Replica keeps one server of a deployment running. It closes with the
// replica's last status: Stopped on request, or an error when no rung is left
// and the replica has never been ready, or is not ready for long again and again.
// What it does is decided by replicaMachine; here it is carried out.
func Replica(ctx workflow.Context, in ReplicaInput, resume *replicaState) (aim.ReplicaStatus, error) {
	if in.Name == "" || in.UID == "" || in.Ordinal < 0 || in.Revision < 1 {
		return aim.ReplicaStatus{}, failed(aim.Failf(aim.ClassInput, "a Replica is started by its Deployment, with name, uid, ordinal and revision"))
	}
	r := &replica{m: newReplicaMachine(in, firstRun(ctx), resume), calls: map[string]workflow.CancelFunc{}}
	r.m.early = workflow.GetVersion(ctx, "told before the stop", workflow.DefaultVersion, 1) == 1
	r.loop = loop{m: r.m, token: newToken, do: r.do, shown: r.show}
	r.watchCancel(ctx)
	listen(ctx, &r.loop, signalCommand, "a Deployment steers its replica: stop, restart, attach", func(c command) event { return commanded{c} })
	listen(ctx, &r.loop, SignalNode, "control tells of the node that the server is on", func(v NodeVerdict) event { return judged{v} })
	if r.run(ctx, resume != nil) {
		in.wish = wish{Revision: in.Revision} // the state has what is to run
		return r.m.now.Status, workflow.NewContinueAsNewError(ctx, TypeReplica, in, &r.m.now)
	}
	if f := r.m.now.Failed; f != nil {
		return r.m.now.Status, failed(f)
	}
	return r.m.now.Status, nil
}

// replica carries a replicaMachine in a workflow.
type replica struct {
	loop
	m     *replicaMachine
	calls map[string]workflow.CancelFunc // of the activities under way
	seen  shownReplica
}

// do carries out one action.
func (r *replica) do(ctx workflow.Context, a action) {
	switch a := a.(type) {
	case call:
		r.call(ctx, a)
	case cancelCall:
		r.calls[a.name]()
	case own:
		_ = workflow.UpsertMemo(ctx, map[string]any{MemoOwner: a.owner})
	case tell:
		r.send(ctx, a.r)
	case closing:
		r.send(ctx, a.r)
	}
}

// call makes an activity, and its end an event.
func (r *replica) call(ctx workflow.Context, a call) {
	ctx, r.calls[a.name] = workflow.WithCancel(on(ctx, a.name, a.queue, a.summary))
	f := workflow.ExecuteActivity(ctx, a.name, a.request)
	node := r.m.node()
	workflow.Go(ctx, func(ctx workflow.Context) {
		result, err := resultOf(ctx, a.name, f)
		r.push(ended{name: a.name, result: result, failure: bounded(failureOf(err, node))})
	})
}

// resultOf waits for an activity and reads what it answers, as far as a machine
// wants to know it.
func resultOf(ctx workflow.Context, name string, f workflow.Future) (any, error) {
	switch name {
	case activities.ReadVersion:
		return get[activities.VersionResult](ctx, f)
	case activities.Place, activities.AwaitTurn:
		return get[activities.PlaceResult](ctx, f)
	case activities.Start:
		return get[activities.StartResult](ctx, f)
	case activities.AwaitReady:
		return get[activities.ReadyResult](ctx, f)
	case activities.SelectRecipes:
		return get[activities.SelectResult](ctx, f)
	}
	return nil, f.Get(ctx, nil)
}

func get[T any](ctx workflow.Context, f workflow.Future) (any, error) {
	var v T
	err := f.Get(ctx, &v)
	return v, err
}

// send reports to the Deployment. One that has ended takes its replicas with it.
func (r *replica) send(ctx workflow.Context, rep report) {
	sent := workflow.SignalExternalWorkflow(ctx, DeploymentID(r.m.in.Name), "", signalReport, rep)
	r.fly(ctx, func(ctx workflow.Context) {
		if isGone(sent.Get(ctx, nil)) {
			r.push(orphaned{})
		}
	})
}

// shownReplica is what the Temporal UI and its lists were last told.
type shownReplica struct{ phase, node, recipe string }

// show puts the phase where the Temporal UI and its lists find it.
func (r *replica) show(ctx workflow.Context) {
	s := r.m.now.Status
	workflow.SetCurrentDetails(ctx, clip(replicaCard(r.m.in, r.m.now.Wish, s), maxCard))
	now := shownReplica{phase: string(s.Phase), node: s.Node, recipe: s.Recipe}
	if now == r.seen {
		return
	}
	r.seen = now
	_ = workflow.UpsertTypedSearchAttributes(ctx, AttrPhase.ValueSet(string(s.Phase)),
		AttrNode.ValueSet(s.Node), AttrRecipe.ValueSet(s.Recipe), AttrGPUs.ValueSet(s.GPUs))
}

// newToken is a random one, written down.
func newToken(ctx workflow.Context) (token string) {
	_ = workflow.SideEffect(ctx, func(workflow.Context) any {
		b := make([]byte, 12)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	}).Get(&token)
	return token
}

// firstRun is the id that a workflow keeps over continue-as-new and reset. The
// SDK's test environment has none and never continues.
func firstRun(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return orElse(info.FirstRunID, info.WorkflowExecution.RunID)
}

// isGone tells whether a signal failed because the workflow it was for does not
// run.
func isGone(err error) bool {
	var unknown *temporal.UnknownExternalWorkflowExecutionError
	return asError(err, &unknown)
}
