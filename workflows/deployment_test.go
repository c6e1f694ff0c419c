package workflows

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// deploymentWorld runs a Deployment with its real replicas as children.
func deploymentWorld(t *testing.T) *world {
	return newWorld(t, "m")
}

func aWish() aim.DeploymentSpec { return aim.DeploymentSpec{Model: "o/m", Name: "m"} }

func (w *world) runDeployment(spec aim.DeploymentSpec) (aim.Status, error) {
	w.env.ExecuteWorkflow(TypeDeployment, spec, nil)
	if !w.env.IsWorkflowCompleted() {
		w.t.Fatal("the deployment did not end")
	}
	return w.status(), w.env.GetWorkflowError()
}

func (w *world) status() aim.Status {
	w.t.Helper()
	v, err := w.env.QueryWorkflow(QueryStatus)
	if err != nil {
		w.t.Fatal(err)
	}
	var s aim.Status
	if err := v.Get(&s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// update sends an update when the named activity has been called n times, and
// hands its outcome to then.
// TestApplyWithoutANumberKeepsTheReplicas that were scaled up since.
func TestApplyWithoutANumberKeepsTheReplicas(t *testing.T) {
	w := deploymentWorld(t)
	w.update(activities.Watch, 1, UpdateScale, ScaleRequest{Replicas: 3}, func(Applied, error) {
		again := aWish()
		again.Replicas = 0
		w.env.UpdateWorkflow(UpdateApply, "", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { t.Error(err) },
			OnComplete: func(v any, err error) {
				if a, _ := v.(Applied); err != nil || a.Changed {
					t.Errorf("applied %+v, %v; want that nothing changes", a, err)
				}
				w.when(func(s aim.Status) bool { return s.Phase == aim.Ready && len(s.Replicas) == 3 })
			},
		}, again)
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	w.clean()
}

func (w *world) update(activity string, n int, name string, arg any, then func(Applied, error)) {
	before := w.on[activity]
	w.on[activity] = func(call int) error {
		if call == n {
			w.env.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
				OnAccept: func() {},
				OnReject: func(err error) { then(Applied{}, err) },
				OnComplete: func(v any, err error) {
					a, _ := v.(Applied)
					then(a, err)
				},
			}, arg)
		}
		if before != nil {
			return before(call)
		}
		return nil
	}
}

func ignore(Applied, error) {}

// end asks for the end of the deployment.
func (w *world) end() {
	w.env.UpdateWorkflow(UpdateStop, "", &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(error) {}, OnComplete: func(any, error) {}}, StopRequest{})
}

func TestDeploymentServesAndStops(t *testing.T) {
	w := deploymentWorld(t)
	var stopped Applied
	w.update(activities.Watch, 2, UpdateStop, StopRequest{}, func(a Applied, _ error) { stopped = a })
	spec := aWish()
	spec.Replicas = 2
	s, err := w.runDeployment(spec)
	if err != nil || s.Phase != aim.Stopped || len(s.Replicas) != 2 {
		t.Fatalf("ended as %+v, %v", s, err)
	}
	if !stopped.Changed {
		t.Error("the stop was not taken")
	}
	w.clean()
}

func TestApplyingTheSameAgainChangesNothing(t *testing.T) {
	w := deploymentWorld(t)
	var same Applied
	w.update(activities.Watch, 1, UpdateApply, aWish(), func(a Applied, err error) {
		same = a
		w.end()
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	if same.Changed || same.Revision != 1 || w.did(activities.Start) != 1 {
		t.Errorf("%+v, %d starts", same, w.did(activities.Start))
	}
	w.clean()
}

func TestAnotherModelUnderARunningNameIsRefused(t *testing.T) {
	w := deploymentWorld(t)
	var refused error
	other := aWish()
	other.Model = "o/other"
	w.update(activities.Watch, 1, UpdateApply, other, func(_ Applied, err error) {
		refused = err
		w.end()
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	if f := failureOf(refused, ""); f == nil || f.Class != aim.ClassConflict {
		t.Errorf("refused with %v", refused)
	}
	w.clean()
}

func TestChangedArgumentsRollTheReplicas(t *testing.T) {
	w := deploymentWorld(t)
	next := aWish()
	next.MaxModelLen = 8192
	w.update(activities.Watch, 1, UpdateApply, next, ignore)
	w.update(activities.Watch, 2, UpdateStop, StopRequest{}, ignore)
	s, err := w.runDeployment(aWish())
	if err != nil || s.Revision != 2 || w.did(activities.Start) != 2 {
		t.Fatalf("revision %d, %d starts, %v", s.Revision, w.did(activities.Start), err)
	}
	w.clean()
}

func TestScaleAddsAndTakesAway(t *testing.T) {
	w := deploymentWorld(t)
	w.update(activities.Watch, 1, UpdateScale, ScaleRequest{Replicas: 2}, ignore)
	w.update(activities.Watch, 2, UpdateScale, ScaleRequest{Replicas: 1}, ignore)
	w.update(activities.Release, 1, UpdateStop, StopRequest{}, ignore)
	s, err := w.runDeployment(aWish())
	if err != nil || w.did(activities.Start) != 2 || s.Revision != 3 {
		t.Fatalf("%d starts, revision %d, %v", w.did(activities.Start), s.Revision, err)
	}
	w.clean()
}

// TestAScaleIsNotLostWithAChangeThatIsRefused: it was asked for while the change
// was being looked at.
func TestAScaleIsNotLostWithAChangeThatIsRefused(t *testing.T) {
	w := deploymentWorld(t)
	w.on[activities.SelectRecipes] = func(call int) error {
		if call == 2 {
			return failing(call, aim.ClassNoRecipe)(call)
		}
		return nil
	}
	w.update(activities.SelectRecipes, 2, UpdateScale, ScaleRequest{Replicas: 3}, ignore)
	bad := aWish()
	bad.GPUType = "MI999"
	w.update(activities.Watch, 1, UpdateApply, bad, func(Applied, error) {
		w.when(func(s aim.Status) bool {
			return s.Phase == aim.Ready && len(s.Replicas) == 3 && s.Spec.GPUType == "" && s.Spec.Replicas == 3
		})
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	w.clean()
}

func TestThoseThatHoldNothingAreStoppedFirst(t *testing.T) {
	var members []*member
	for i, node := range []string{"n1", "", "n2", "n1", ""} {
		members = append(members, &member{Ordinal: i, Status: aim.ReplicaStatus{Ordinal: i, Node: node}})
	}
	var order []int
	for _, m := range emptyFirst(members) {
		order = append(order, m.Status.Ordinal)
	}
	if want := []int{1, 4, 0, 2, 3}; !slices.Equal(order, want) || members[0].Status.Ordinal != 0 {
		t.Errorf("stopped in the order %v, want %v", order, want)
	}
}

func TestScaleToNothingIsRefused(t *testing.T) {
	w := deploymentWorld(t)
	var refused error
	w.update(activities.Watch, 1, UpdateScale, ScaleRequest{}, func(_ Applied, err error) {
		refused = err
		w.end()
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	if refused == nil {
		t.Error("scaling to 0 was taken")
	}
}

func TestADeploymentThatNeverStartsFails(t *testing.T) {
	w := deploymentWorld(t)
	w.on[activities.AwaitReady] = failing(99, aim.ClassOOM)
	s, err := w.runDeployment(aWish())
	if f := failureOf(err, ""); f == nil || f.Class != aim.ClassOOM {
		t.Fatalf("ended with %v", err)
	}
	if s.Phase != aim.Failed || len(s.Replicas[0].Tries) != 3 {
		t.Errorf("status %+v", s)
	}
	w.clean()
}

func TestASpecThatCannotBeMetFailsInItsFirstStep(t *testing.T) {
	w := deploymentWorld(t)
	w.on[activities.SelectRecipes] = failing(1, aim.ClassNoRecipe)
	s, err := w.runDeployment(aWish())
	if f := failureOf(err, ""); f == nil || f.Class != aim.ClassNoRecipe || s.Phase != aim.Failed {
		t.Fatalf("ended with %v, %v", s.Phase, err)
	}
	w.clean()
}

func TestAChangeThatCannotBeMetLeavesTheDeploymentAsItWas(t *testing.T) {
	w := deploymentWorld(t)
	bad := aWish()
	bad.Precision = "fp8"
	w.on[activities.SelectRecipes] = func(call int) error {
		if call == 2 {
			// Stop once the refusal has been taken in.
			w.env.RegisterDelayedCallback(func() {
				if s := w.status(); s.Phase != aim.Ready || s.Spec.Precision != "" || s.Reason == "" {
					t.Errorf("after the refused change: %+v", s)
				}
				w.end()
			}, 50*time.Millisecond)
			return failing(2, aim.ClassNoRecipe)(call)
		}
		return nil
	}
	w.update(activities.Watch, 1, UpdateApply, bad, ignore)
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	if w.did(activities.Start) != 1 {
		t.Errorf("%d starts", w.did(activities.Start))
	}
	w.clean()
}

func TestTheTimeoutOfAFirstStartFails(t *testing.T) {
	w := deploymentWorld(t)
	spec := aWish()
	spec.Timeout = aim.Duration(3 * time.Second)
	w.on[activities.AwaitReady] = failing(1, aim.ClassStart) // then a pause of a second
	w.on[activities.PullImage] = failing(99, aim.ClassImage)
	s, err := w.runDeployment(spec)
	if err == nil || s.Phase != aim.Failed {
		t.Fatalf("ended as %v, %v", s.Phase, err)
	}
	w.clean()
}

func TestCancellingADeploymentStopsItsReplicas(t *testing.T) {
	w := deploymentWorld(t)
	w.on[activities.Watch] = func(int) error {
		w.env.CancelWorkflow()
		return nil
	}
	s, err := w.runDeployment(aWish())
	if err != nil || s.Phase != aim.Stopped {
		t.Fatalf("ended as %v, %v", s.Phase, err)
	}
	w.clean()
}

// A Deployment that continues as new keeps its replicas and asks them to
// report.
func TestDeploymentContinuesAsNewWithItsReplicas(t *testing.T) {
	w := deploymentWorld(t)
	w.env.OnWorkflow(TypeReplica, mock.Anything, mock.Anything, mock.Anything).After(time.Hour).Return(aim.ReplicaStatus{Phase: aim.Stopped}, nil)
	w.env.RegisterDelayedCallback(func() {
		w.env.SetContinueAsNewSuggested(true)
		w.env.SignalWorkflow(signalReport, report{}) // wakes it
	}, time.Minute)
	w.env.ExecuteWorkflow(TypeDeployment, aWish(), nil)
	var next *workflow.ContinueAsNewError
	if !errors.As(w.env.GetWorkflowError(), &next) {
		t.Fatalf("ended with %v", w.env.GetWorkflowError())
	}
	var spec aim.DeploymentSpec
	var state deploymentState
	decode(t, next, &spec, &state)

	w2 := deploymentWorld(t)
	var told []verb
	w2.env.OnSignalExternalWorkflow(mock.Anything, ReplicaID("m", 0), mock.Anything, signalCommand, mock.Anything).
		Return(func(_, _, _, _ string, arg any) error {
			c := arg.(command)
			told = append(told, c.Verb)
			reply := aim.ReplicaStatus{Phase: aim.Ready, Revision: 1, Tries: []aim.Try{}}
			if c.Verb == verbStop {
				reply.Phase = aim.Stopped
			}
			w2.env.SignalWorkflow(signalReport, report{UID: state.UID, Run: orElse(state.Members[0].Run, "r"), Seq: 1000 + len(told), Status: reply})
			return nil
		})
	w2.env.RegisterDelayedCallback(func() {
		if s := w2.status(); s.Phase != aim.Ready {
			t.Errorf("after continuing as new: %+v", s)
		}
		w2.end()
	}, time.Minute)
	w2.env.ExecuteWorkflow(TypeDeployment, spec, &state)
	if err := w2.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || told[0] != verbAttach || told[1] != verbStop {
		t.Errorf("told its replica %v", told)
	}
}
