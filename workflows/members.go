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
	Closed     bool              `json:"closed,omitempty"`
	Losses     int               `json:"losses,omitempty"` // workflows of this ordinal that ended without being asked to
	NotBefore  time.Time         `json:"not_before"`       // of the next workflow after a loss
}

// reconcile brings the replicas closer to what is wanted: one look, and
// commands; the rest comes back as reports.
func (d *deployment) reconcile(ctx workflow.Context) {
	if len(d.now.Ladder.Rungs) == 0 {
		return
	}
	ending := d.stop != "" || d.now.Failed != nil
	wanted := d.now.Spec.Defaulted().Replicas
	for ordinal := range max(wanted, len(d.now.Replicas)) {
		switch {
		case ending || ordinal >= wanted:
			d.stopMember(ctx, ordinal)
		case ordinal == len(d.now.Replicas):
			d.now.Replicas = append(d.now.Replicas, &member{Status: firstStatus(ordinal, d.now.Ladder)})
			d.startMember(ctx, ordinal)
		case d.now.Replicas[ordinal].Closed && d.revives(ctx, d.now.Replicas[ordinal]):
			d.startMember(ctx, ordinal)
		}
	}
	d.trim(wanted)
	if !ending {
		d.roll(ctx)
	}
}

func firstStatus(ordinal int, l aim.Ladder) aim.ReplicaStatus {
	return aim.ReplicaStatus{Ordinal: ordinal, Phase: aim.Pending, Rungs: len(l.Rungs), Tries: []aim.Try{}}
}

// revives tells whether a closed replica is to be started again: one that was
// lost is, after a pause; one that has failed only when something changed.
func (d *deployment) revives(ctx workflow.Context, m *member) bool {
	if m.Status.Phase == aim.Failed && m.Generation == d.now.Generation {
		return false
	}
	if wait := m.NotBefore.Sub(workflow.Now(ctx)); wait > 0 {
		workflow.Go(ctx, func(ctx workflow.Context) {
			_ = workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "pause before a lost replica starts again"}).Get(ctx, nil)
			d.wake = true
		})
		return false
	}
	return true
}

// trim forgets the replicas that are not wanted and have ended.
func (d *deployment) trim(wanted int) {
	for n := len(d.now.Replicas); n > wanted && d.now.Replicas[n-1].Closed; n-- {
		d.now.Replicas = d.now.Replicas[:n-1]
	}
}

// roll tells replicas of an older generation to restart, as long as no more
// than max_unavailable are not ready.
func (d *deployment) roll(ctx workflow.Context) {
	budget := d.now.Spec.Defaulted().MaxUnavailable
	for _, m := range d.now.Replicas {
		if m.Status.Phase != aim.Ready && m.Generation == d.now.Generation {
			budget--
		}
	}
	for _, m := range d.now.Replicas {
		if m.Generation == d.now.Generation || m.Closed || m.Stopping {
			continue
		}
		if m.Status.Phase == aim.Ready {
			if budget <= 0 {
				return
			}
			budget--
		}
		m.Generation = d.now.Generation
		m.Status.Phase, m.Status.Reason = aim.Stopping, "restarting"
		d.tell(ctx, m, command{Verb: verbRestart, Update: &replicaUpdate{
			Revision: d.now.Generation, Spec: d.now.Spec, Ladder: d.now.Ladder}})
	}
}

func (d *deployment) stopMember(ctx workflow.Context, ordinal int) {
	if ordinal >= len(d.now.Replicas) {
		return
	}
	m := d.now.Replicas[ordinal]
	if m.Closed || m.Stopping {
		return
	}
	m.Stopping = true
	d.tell(ctx, m, command{Verb: verbStop, Why: orElse(d.stop, "not wanted any more")})
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
	m.Closed, m.Stopping, m.Run, m.Seq = false, false, "", 0
	m.Generation = d.now.Generation
	in := ReplicaInput{
		Name: d.now.Spec.Name, UID: d.now.UID, Ordinal: ordinal, Revision: d.now.Generation,
		Spec: d.now.Spec, Ladder: d.now.Ladder, Attempts: m.Status.Attempt,
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
	m.Losses++
	m.NotBefore = workflow.Now(ctx).Add(pause(m.Losses))
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
