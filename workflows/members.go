package workflows

import (
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// member is what a Deployment knows about one of its replicas.
type member struct {
	Run        string            `json:"run"` // first run id of its workflow; "" until it has started
	Seq        int               `json:"seq"` // of the last report taken
	Status     aim.ReplicaStatus `json:"status"`
	Generation int               `json:"generation"` // of what it was last told to run
	Stopping   bool              `json:"stopping,omitempty"`
	Retired    bool              `json:"retired,omitempty"` // not wanted any more: to be stopped, or gone
	Why        string            `json:"why,omitempty"`     // it was retired
	Avoid      map[string]string `json:"avoid,omitempty"`   // of a relief: nodes that it may not be on
	Closed     bool              `json:"closed,omitempty"`
	Losses     int               `json:"losses,omitempty"` // workflows of this ordinal that ended without being asked to
	NotBefore  time.Time         `json:"not_before"`       // of the next workflow after a loss
}

// tell sends a command. A replica that is not there any more counts as ended.
func (d *deployment) tell(ctx workflow.Context, m *member, c command) {
	c.UID = d.now.UID
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	sent := workflow.SignalExternalWorkflow(ctx, ReplicaID(d.now.Spec.Name, m.Status.Ordinal), "", signalCommand, c)
	workflow.Go(ctx, func(ctx workflow.Context) {
		if isGone(sent.Get(ctx, nil)) {
			d.closed(ctx, m)
		}
	})
}

// attach asks every replica to report after the Deployment has continued as new.
func (d *deployment) attach(ctx workflow.Context) {
	for _, m := range d.now.Replicas {
		if !m.Closed {
			d.tell(ctx, m, command{Verb: verbAttach})
		}
	}
}

// startMember starts the replica's workflow and follows it to its end.
func (d *deployment) startMember(ctx workflow.Context, ordinal int) {
	m := d.now.Replicas[ordinal]
	m.Closed, m.Stopping, m.Why, m.Run, m.Seq = false, false, "", "", 0
	m.Generation = d.now.Generation
	in := ReplicaInput{
		Name: d.now.Spec.Name, UID: d.now.UID, Ordinal: ordinal, Revision: d.now.Generation,
		Spec: d.now.Spec, Ladder: d.now.Ladder, Attempts: m.Status.Attempt, Relief: m.Avoid,
	}
	// A replica must be there for the stop that follows a cancellation.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, d.childOptions(ordinal)), TypeReplica, in, nil)
	workflow.Go(ctx, func(ctx workflow.Context) { d.follow(ctx, m, child) })
}

func (d *deployment) childOptions(ordinal int) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:            ReplicaID(d.now.Spec.Name, ordinal),
		TaskQueue:             Queue,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:         "a replica of " + d.now.Spec.Model,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			AttrModel.ValueSet(d.now.Spec.Model), AttrDeployment.ValueSet(d.now.Spec.Name), AttrPhase.ValueSet(string(aim.Pending))),
	}
}

// follow notices the start and the end of a replica's workflow. The end is also
// known from its last report; after a continue-as-new only from there.
func (d *deployment) follow(ctx workflow.Context, m *member, child workflow.ChildWorkflowFuture) {
	var run workflow.Execution
	if err := child.GetChildWorkflowExecution().Get(ctx, &run); err != nil {
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) || !d.adopts(ctx, m) {
			d.closed(ctx, m)
		}
		return
	}
	m.Run = run.RunID
	_ = child.Get(ctx, nil)
	d.closed(ctx, m)
}

// adopts deals with a replica that runs already. One of an earlier deployment
// of this name stands in the way and is told to end; one of ours, as a reset
// leaves it, reports and is kept.
func (d *deployment) adopts(ctx workflow.Context, m *member) bool {
	err := workflow.SignalExternalWorkflow(ctx, ReplicaID(d.now.Spec.Name, m.Status.Ordinal), "", signalCommand,
		command{UID: d.now.UID, Verb: verbEvict, Why: "another deployment has its name"}).Get(ctx, nil)
	if err != nil {
		return false
	}
	ours, err := workflow.AwaitWithTimeout(ctx, time.Second, func() bool { return m.Run != "" })
	return err == nil && ours
}

// closed notes that a replica's workflow has ended. One that nobody asked to
// end is started again, after a pause that grows.
func (d *deployment) closed(ctx workflow.Context, m *member) {
	if m.Closed {
		return
	}
	m.Closed, d.wake = true, true
	if m.Stopping || m.Status.Phase.Final() {
		return
	}
	m.pauseAfterLoss(workflow.Now(ctx))
	m.Status.Phase, m.Status.Reason, m.Status.Endpoint = aim.Pending, "its workflow ended unasked; starting another", ""
}

// hear takes the replicas' reports.
func (d *deployment) hear(ctx workflow.Context) {
	channel := workflow.GetSignalChannelWithOptions(ctx, signalReport, workflow.SignalChannelOptions{
		Description: "a replica tells its status",
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var r report
			if !channel.Receive(ctx, &r) {
				return
			}
			d.take(ctx, r)
		}
	})
}

// take keeps a report that is ours and newer than the last. A report may come
// before the start of its workflow is known.
func (d *deployment) take(ctx workflow.Context, r report) {
	if r.UID != d.now.UID || r.Status.Ordinal < 0 || r.Status.Ordinal >= len(d.now.Replicas) {
		return
	}
	m := d.now.Replicas[r.Status.Ordinal]
	if m.Run == "" {
		m.Run = r.Run
	}
	if r.Run != m.Run || r.Seq <= m.Seq || m.Closed {
		return
	}
	restarting := r.Status.Revision < m.Generation && !r.Status.Phase.Final()
	m.Seq, m.Status, d.wake = r.Seq, r.Status, true
	if restarting {
		m.Status.Phase, m.Status.Reason = aim.Stopping, "restarting"
	}
	if r.Status.Phase == aim.Ready {
		d.now.EverReady, m.Losses = true, 0
	}
	if r.Status.Phase.Final() {
		d.closed(ctx, m)
	}
}
