package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
)

// maxTries is how many past attempts a status tells; older ones stay in the
// history of the runs before.
const maxTries = 20

// replica is one run of a Replica workflow.
//
//	attempt:  place → claim → pull | fetch → start → prove → watch
//	              │ failure, command or cancellation, anywhere
//	              ▼
//	withdraw: stop → release          (in a context that cancellation cannot reach)
//	              │
//	              ▼
//	decide:   try again (a rung, a pause, perhaps another node) | fail | end
type replica struct {
	in  ReplicaInput
	now replicaState

	abort    workflow.CancelFunc // ends the attempt at hand
	stop     string              // why the replica is to end; "" = it is not
	restart  *replicaUpdate      // what to run from now on, when a restart is asked for
	restarts bool                // the attempt at hand ends for a restart, not a failure
	renew    bool                // the run is to continue as new
}

// replicaState is carried from run to run.
type replicaState struct {
	Status    aim.ReplicaStatus `json:"status"`
	Token     string            `json:"token"`
	Rung      int               `json:"rung"`
	Placement *aim.Placement    `json:"placement,omitempty"`
	Claimed   bool              `json:"claimed"` // the attempt at hand may hold GPUs on its node
	// Unconfirmed is the node on which the last attempt could not be seen to
	// end; the node's ownership rule ends it.
	Unconfirmed string            `json:"unconfirmed,omitempty"`
	EverReady   bool              `json:"ever_ready"`
	Fresh       int               `json:"fresh,omitempty"`    // tries of attempts up to this one do not count any more
	ReadyAt     int64             `json:"ready_at,omitempty"` // when the attempt at hand was first ready; 0 = not yet
	Avoid       map[string]string `json:"avoid,omitempty"`    // for the next placement only
	AskedAt     int64             `json:"asked_at"`
	Seq         int               `json:"seq"` // of the last report
}

// Replica keeps one server of a deployment running. It closes with the
// replica's last status: Stopped on request, or an error when no rung is left
// and the replica has never been ready.
func Replica(ctx workflow.Context, in ReplicaInput, resume *replicaState) (aim.ReplicaStatus, error) {
	if in.Name == "" || in.UID == "" || in.Ordinal < 0 || len(in.Ladder.Rungs) == 0 {
		return aim.ReplicaStatus{}, failed(aim.Failf(aim.ClassInput, "a Replica is started by its Deployment, with name, uid, ordinal and ladder"))
	}
	r := &replica{in: in}
	if resume != nil {
		r.now = *resume
	} else {
		r.now = firstState(ctx, in)
	}
	r.listen(ctx)
	return r.run(ctx)
}

func firstState(ctx workflow.Context, in ReplicaInput) replicaState {
	asked := in.AskedAt
	if asked == 0 {
		asked = workflow.Now(ctx).UnixMilli()
	}
	return replicaState{
		Rung:    1,
		AskedAt: asked,
		Avoid:   in.Relief,
		Status: aim.ReplicaStatus{
			Ordinal: in.Ordinal, Attempt: in.Attempts, Revision: in.Revision,
			Phase: aim.Pending, Rungs: len(in.Ladder.Rungs), Tries: []aim.Try{},
		},
	}
}

// run is the whole story; see the drawing above.
func (r *replica) run(ctx workflow.Context) (aim.ReplicaStatus, error) {
	resumed := r.now.Placement != nil // the run before was watching a server
	for {
		failure := r.attempt(ctx, resumed)
		resumed = false
		if r.renew {
			return r.now.Status, workflow.NewContinueAsNewError(ctx, TypeReplica, r.in, &r.now)
		}
		if ctx.Err() != nil && r.stop == "" {
			r.stop = "the workflow was cancelled"
		}
		r.withdraw(ctx)
		switch {
		case r.stop != "":
			return r.end(ctx, r.stop)
		case r.restarts:
			r.takeUpdate()
		default:
			if status, over, err := r.afterFailure(ctx, failure); over {
				return status, err
			}
		}
		if r.grown(ctx) { // a server that dies for days takes many attempts
			return r.now.Status, workflow.NewContinueAsNewError(ctx, TypeReplica, r.in, &r.now)
		}
	}
}

// afterFailure writes the try down, decides, and carries the decision out.
func (r *replica) afterFailure(ctx workflow.Context, f *aim.Failure) (status aim.ReplicaStatus, over bool, err error) {
	r.noteTry(ctx, f)
	m := decide(r.in.Ladder, r.now.Rung, r.freshTries(), f, r.now.EverReady)
	if r.relief() {
		m = move{Do: doFail, Why: "the replica stays where it is"}
	}
	r.noteMove(m)
	switch m.Do {
	case doEnd:
		status, err = r.end(ctx, m.Why)
		return status, true, err
	case doFail:
		status, err = r.fail(ctx, f)
		return status, true, err
	}
	if m.Avoid && r.now.Placement != nil {
		r.now.Avoid = map[string]string{r.now.Placement.Ranks[0].Node: f.Error()}
	}
	r.now.Rung = m.Rung
	r.now.Placement = nil
	r.setPhase(ctx, r.phaseBetween(), f.Text()+" - "+m.Why)
	r.pause(ctx, m.Delay)
	return r.now.Status, false, nil
}

// relief tells whether the replica is the relief of one that moves and has not
// proved itself yet: until then it waits for nothing and makes one attempt.
func (r *replica) relief() bool { return len(r.in.Relief) > 0 && !r.now.EverReady }

// phaseBetween is the phase between two attempts.
func (r *replica) phaseBetween() aim.Phase {
	if r.now.EverReady {
		return aim.Degraded
	}
	return aim.Pending
}

// pause waits, unless a command comes in the meantime.
func (r *replica) pause(ctx workflow.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	_, _ = workflow.AwaitWithTimeout(ctx, d, func() bool { return r.stop != "" || r.restart != nil })
	if ctx.Err() != nil && r.stop == "" {
		r.stop = "the workflow was cancelled"
	}
}

func (r *replica) end(ctx workflow.Context, why string) (aim.ReplicaStatus, error) {
	if r.now.Unconfirmed != "" {
		why = "stopped, unconfirmed on " + r.now.Unconfirmed + ": " + why
	}
	r.now.Status.Endpoint = ""
	r.finish(ctx, aim.Stopped, why)
	return r.now.Status, nil
}

func (r *replica) fail(ctx workflow.Context, f *aim.Failure) (aim.ReplicaStatus, error) {
	r.finish(ctx, aim.Failed, f.Text())
	return r.now.Status, failed(f)
}

// finish reports the last status and waits until the report is on its way: a
// workflow that closes first would drop it.
func (r *replica) finish(ctx workflow.Context, phase aim.Phase, reason string) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.now.Status.Phase, r.now.Status.Reason = phase, reason
	r.show(ctx)
	_ = r.send(ctx).Get(ctx, nil) // a Deployment that has ended needs no report
}

// takeUpdate starts over at the top of the ladder with what the Deployment
// wants now.
func (r *replica) takeUpdate() {
	r.in.Revision, r.in.Spec, r.in.Ladder = r.restart.Revision, r.restart.Spec, r.restart.Ladder
	r.now.Rung, r.now.Placement, r.now.Avoid = 1, nil, r.restart.Avoid
	r.now.Status.Revision, r.now.Status.Rungs = r.in.Revision, len(r.in.Ladder.Rungs)
	r.now.Fresh = r.now.Status.Attempt
	r.restart, r.restarts = nil, false
}

// freshTries are the tries since a person last said what to run: a restart, and a
// changed wish most of all, is a new beginning.
func (r *replica) freshTries() []aim.Try {
	tries := r.now.Status.Tries
	first := slices.IndexFunc(tries, func(t aim.Try) bool { return t.Attempt > r.now.Fresh })
	return tries[max(first, 0):]
}

// listen takes the Deployment's commands. A stop or restart ends the attempt at
// hand.
func (r *replica) listen(ctx workflow.Context) {
	channel := workflow.GetSignalChannelWithOptions(ctx, signalCommand, workflow.SignalChannelOptions{
		Description: "a Deployment steers its replica: stop, restart, attach",
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var c command
			if !channel.Receive(ctx, &c) {
				return
			}
			r.obey(ctx, c)
		}
	})
}

func (r *replica) obey(ctx workflow.Context, c command) {
	ours := c.UID == r.in.UID
	switch {
	case c.Verb == verbStop && ours, c.Verb == verbEvict && !ours:
		r.stop = orElse(c.Why, "stopped on request")
	case !ours:
		return // of a Deployment that is not ours
	case c.Verb == verbAttach, c.Verb == verbEvict:
		r.report(ctx)
		return
	case c.Verb == verbRestart && c.Update != nil && len(c.Update.Ladder.Rungs) > 0:
		r.restart = c.Update
	default:
		return // nothing that a Deployment says
	}
	if r.abort != nil {
		r.abort()
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// isGone tells whether a signal failed because the workflow it was for does not
// run.
func isGone(err error) bool {
	var unknown *temporal.UnknownExternalWorkflowExecutionError
	return asError(err, &unknown)
}
