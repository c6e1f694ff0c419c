package workflows

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

func temporalStart(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: Queue}
}

// replicaWorld runs a Replica whose Deployment only listens.
func replicaWorld(t *testing.T) *world {
	w := newWorld(t, ReplicaID("m", 0))
	w.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, signalReport, mock.Anything).
		Return(func(_, _, _, _ string, arg any) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reports = append(w.reports, arg.(report))
			return nil
		})
	return w
}

func replicaInput() ReplicaInput {
	return ReplicaInput{Name: "m", UID: "u1", wish: wish{Revision: 1, Spec: aim.DeploymentSpec{Model: "o/m", Name: "m"}, Ladder: threeRungs()}}
}

func (w *world) runReplica(in ReplicaInput) (aim.ReplicaStatus, error) {
	w.env.ExecuteWorkflow(TypeReplica, in, nil)
	if !w.env.IsWorkflowCompleted() {
		w.t.Fatal("the replica did not end")
	}
	var s aim.ReplicaStatus
	err := w.env.GetWorkflowError()
	if err == nil {
		err = w.env.GetWorkflowResult(&s)
	}
	return s, err
}

// at sends a command when the named activity has been called n times.
func (w *world) at(name string, n int, c command) {
	before := w.on[name]
	w.on[name] = func(call int) error {
		if call == n {
			w.env.SignalWorkflow(signalCommand, c)
		}
		if before != nil {
			return before(call)
		}
		return nil
	}
}

func TestReplicaGoesThroughItsPhases(t *testing.T) {
	w := replicaWorld(t)
	w.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Phase != aim.Stopped {
		t.Fatalf("ended as %v, %v", s.Phase, err)
	}
	want := []aim.Phase{aim.Placing, aim.Pulling, aim.Starting, aim.Proving, aim.Ready, aim.Stopping, aim.Stopped}
	got := slices.DeleteFunc(w.phases(), func(p aim.Phase) bool { return p == aim.Fetching }) // seen only when the pull ends first
	if !slices.Equal(got, want) {
		t.Errorf("phases %v, want %v", got, want)
	}
	w.clean()
}

func TestOutOfMemoryLeadsToTheNextRung(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.AwaitReady] = failing(1, aim.ClassOOM)
	w.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tries) != 1 || s.Tries[0].Class != aim.ClassOOM || s.Tries[0].Rung != 1 || s.Tries[0].Node != "n1" {
		t.Errorf("tries %+v", s.Tries)
	}
	if s.Rung != 2 || s.Attempt != 2 {
		t.Errorf("served on rung %d, attempt %d", s.Rung, s.Attempt)
	}
	w.clean()
}

func TestNoRungLeftFails(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.AwaitReady] = failing(99, aim.ClassOOM)
	_, err := w.runReplica(replicaInput())
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != string(aim.ClassOOM) {
		t.Fatalf("ended with %v", err)
	}
	if w.did(activities.Start) != 3 {
		t.Errorf("%d starts, want one a rung", w.did(activities.Start))
	}
	w.clean()
}

func TestImpossiblePlacementGoesDownTheLadder(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.Place] = func(call int) error {
		if call <= 1 {
			return errors.New("impossible")
		}
		return nil
	}
	w.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Tries[0].Class != aim.ClassCapacity || s.Rung != 3 {
		t.Fatalf("rung %d, tries %+v, %v", s.Rung, s.Tries, err)
	}
	w.clean()
}

func TestARefusedClaimIsPlacedElsewhere(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.Claim] = failing(1, aim.ClassRefused)
	w.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Node != "n2" || s.Rung != 1 {
		t.Fatalf("on %q, rung %d: %v", s.Node, s.Rung, err)
	}
	w.clean()
}

// A stop may come at any step; afterwards there is no server and no claim.
func TestStopAtEveryStep(t *testing.T) {
	for _, name := range []string{
		activities.Place, activities.Claim, activities.PullImage, activities.FetchModel,
		activities.Start, activities.AwaitReady, activities.Watch,
	} {
		t.Run(name, func(t *testing.T) {
			w := replicaWorld(t)
			w.at(name, 1, command{UID: "u1", Verb: verbStop, Why: "test"})
			s, err := w.runReplica(replicaInput())
			if err != nil || s.Phase != aim.Stopped {
				t.Fatalf("ended as %v, %v", s.Phase, err)
			}
			w.clean()
		})
	}
}

func TestCancellationAtEveryStep(t *testing.T) {
	for _, name := range []string{activities.Place, activities.Claim, activities.Start, activities.AwaitReady, activities.Watch} {
		t.Run(name, func(t *testing.T) {
			w := replicaWorld(t)
			w.on[name] = func(call int) error {
				if call == 1 {
					w.env.CancelWorkflow()
				}
				return nil
			}
			s, err := w.runReplica(replicaInput())
			if err != nil || s.Phase != aim.Stopped {
				t.Fatalf("ended as %v, %v", s.Phase, err)
			}
			w.clean()
		})
	}
}

func TestAReadyReplicaComesBackAfterItsServerDies(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.Watch] = failing(5, aim.ClassExited)
	w.at(activities.Watch, 6, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Attempt != 6 || len(s.Tries) != 5 {
		t.Fatalf("attempt %d, %d tries, %v", s.Attempt, len(s.Tries), err)
	}
	w.clean()
}

// TestADeathIsToldBeforeTheStop: nobody is told Ready for as long as a dead server
// takes to be stopped and its GPUs to be seen free.
func TestADeathIsToldBeforeTheStop(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.Watch] = failing(1, aim.ClassHung)
	w.at(activities.Watch, 2, command{UID: "u1", Verb: verbStop})
	if _, err := w.runReplica(replicaInput()); err != nil {
		t.Fatal(err)
	}
	w.clean()
	phases := w.phases()
	ready := slices.Index(phases, aim.Ready)
	if ready < 0 || ready+1 >= len(phases) || phases[ready+1] != aim.Degraded {
		t.Fatalf("told %v", phases)
	}
	for _, r := range w.reports {
		if r.Status.Phase == aim.Degraded && len(r.Status.Tries) == 0 {
			return // before the attempt was over, and its stop with it
		}
	}
	t.Errorf("it was told only when the server was stopped: %v", phases)
}

// TestADeathNowAndThenLeadsToNoOtherRung: a server that was well for long
// between its deaths is started again as it was, however often it dies.
func TestADeathNowAndThenLeadsToNoOtherRung(t *testing.T) {
	const deaths = 8
	for spell, rung := range map[time.Duration]int{wellAfter + time.Minute: 1, wellAfter - time.Minute: 3} {
		w := replicaWorld(t)
		w.on[activities.Watch] = failing(deaths, aim.ClassExited)
		w.at(activities.Watch, deaths+1, command{UID: "u1", Verb: verbStop})
		w.env.OnActivity(activities.Watch, mock.Anything, mock.Anything).After(spell).Return(
			func(ctx context.Context, req activities.WatchRequest) error { return w.watching(ctx, req) })
		s, err := w.runReplica(replicaInput())
		if err != nil || s.Rung != rung || len(s.Tries) != deaths {
			t.Fatalf("ready for %v each time: rung %d after %d tries, %v", spell, s.Rung, len(s.Tries), err)
		}
		for _, try := range s.Tries {
			if try.ReadyMillis < spell.Milliseconds() || try.ReadyMillis > (spell+time.Minute).Milliseconds() {
				t.Errorf("ready for %d ms, want %v", try.ReadyMillis, spell)
			}
		}
		w.clean()
	}
}

func TestARestartMovesToTheNewLadder(t *testing.T) {
	w := replicaWorld(t)
	next := threeRungs()
	next.Rungs[0].Recipe = "new"
	w.at(activities.Watch, 1, command{UID: "u1", Verb: verbRestart, Update: &replicaUpdate{wish: wish{Revision: 2, Ladder: next}}})
	w.at(activities.Watch, 2, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Recipe != "new" || s.Revision != 2 || len(s.Tries) != 0 {
		t.Fatalf("recipe %q, revision %d, tries %v, %v", s.Recipe, s.Revision, s.Tries, err)
	}
	w.clean()
}

func TestCommandsOfAnotherDeploymentAreIgnored(t *testing.T) {
	w := replicaWorld(t)
	w.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	w.at(activities.Watch, 1, command{UID: "other", Verb: verbRestart, Update: &replicaUpdate{wish: wish{Revision: 9, Ladder: threeRungs()}}})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Revision != 1 || s.Attempt != 1 {
		t.Fatalf("revision %d, attempt %d, %v", s.Revision, s.Attempt, err)
	}
	w.clean()
}

func TestAReplicaWhoseDeploymentIsGoneStopsItself(t *testing.T) {
	w := newWorld(t, ReplicaID("m", 0))
	w.env.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, signalReport, mock.Anything).
		Return(func(_, _, _, _ string, arg any) error {
			if arg.(report).Status.Phase == aim.Ready {
				return temporal.NewApplicationError("gone", "gone")
			}
			return nil
		})
	w.on[activities.Watch] = failing(1, aim.ClassOrphaned)
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Phase != aim.Stopped {
		t.Fatalf("ended as %v, %v", s.Phase, err)
	}
	w.clean()
}

// A long history makes the replica continue as new without letting go of its
// server; the next run goes on watching.
func TestContinueAsNewKeepsTheServer(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.Watch] = func(call int) error {
		w.env.SetContinueAsNewSuggested(true)
		return nil
	}
	w.watch <- nil // the watch ends without a reason, as one that is handed over
	w.env.ExecuteWorkflow(TypeReplica, replicaInput(), nil)
	var next *workflow.ContinueAsNewError
	if !errors.As(w.env.GetWorkflowError(), &next) {
		t.Fatalf("ended with %v", w.env.GetWorkflowError())
	}
	if len(w.servers) != 1 || len(w.claims) != 1 {
		t.Errorf("servers %v, claims %v: one of each must go on", w.servers, w.claims)
	}

	var in ReplicaInput
	var state replicaState
	decode(t, next, &in, &state)
	w2 := replicaWorld(t)
	w2.claims, w2.servers = w.claims, w.servers
	w2.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	w2.env.ExecuteWorkflow(TypeReplica, in, &state)
	if err := w2.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if w2.did(activities.Start) != 0 {
		t.Error("the next run started a server")
	}
	w2.clean()
}

// One node, and a failure that would rather have another: the node that failed
// is better than none.
func TestANodeIsAvoidedOnlyWhereThereIsAnother(t *testing.T) {
	w := replicaWorld(t)
	w.single = true
	w.on[activities.Watch] = failing(1, aim.ClassGPUFault)
	w.at(activities.Watch, 2, command{UID: "u1", Verb: verbStop})
	s, err := w.runReplica(replicaInput())
	if err != nil || s.Attempt != 2 || s.Node != "n1" {
		t.Fatalf("attempt %d on %q, tries %+v, %v", s.Attempt, s.Node, s.Tries, err)
	}
	w.clean()
}
