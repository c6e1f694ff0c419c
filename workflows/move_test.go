package workflows

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// when asks for the status until it is as expected, and then ends the deployment.
// The environment's own limit ends a test whose status never is.
func (w *world) when(expected func(aim.Status) bool) { w.once(expected, w.end) }

func (w *world) once(expected func(aim.Status) bool, then func()) {
	w.env.RegisterDelayedCallback(func() {
		if expected(w.status()) {
			then()
			return
		}
		w.once(expected, then)
	}, 5*time.Millisecond)
}

func TestMovedReplicaStopsAfterItsReliefIsReady(t *testing.T) {
	w := deploymentWorld(t)
	w.update(activities.Watch, 1, UpdateMove, MoveRequest{Ordinal: 0, Off: "n1", Why: "n1 is needed"}, ignore)
	w.on[activities.Release] = func(call int) error {
		if call == 1 {
			if n := w.did(activities.AwaitReady); n != 2 {
				t.Errorf("the replica was released after %d proofs, not after its relief's", n)
			}
			w.when(func(s aim.Status) bool {
				return s.Phase == aim.Ready && len(s.Replicas) == 1 && s.Replicas[0].Ordinal == 1 && s.Replicas[0].Node == "n2"
			})
		}
		return nil
	}
	s, err := w.runDeployment(aWish())
	if err != nil || s.Phase != aim.Stopped || w.did(activities.Start) != 2 {
		t.Fatalf("ended as %s after %d starts, %v", s.Phase, w.did(activities.Start), err)
	}
	w.clean()
}

// TestMoveToANode: the successor asks for that node and for no other.
func TestMoveToANode(t *testing.T) {
	w := deploymentWorld(t)
	w.update(activities.Watch, 1, UpdateMove, MoveRequest{Ordinal: 0, To: "n2"}, ignore)
	w.on[activities.Release] = func(int) error {
		w.when(func(s aim.Status) bool {
			return s.Phase == aim.Ready && len(s.Replicas) == 1 && s.Replicas[0].Node == "n2"
		})
		return nil
	}
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	if got := w.selected; len(got) != 2 || got[0] != "" || got[1] != "n2" {
		t.Errorf("places were asked for on %q", got)
	}
	w.clean()
}

func TestMoveWithoutRoomLeavesTheReplicaWhereItIs(t *testing.T) {
	w := deploymentWorld(t)
	w.single = true
	w.update(activities.Watch, 1, UpdateMove, MoveRequest{Ordinal: 0}, func(Applied, error) {
		w.when(func(s aim.Status) bool {
			return s.Phase == aim.Ready && len(s.Replicas) == 1 && strings.Contains(s.Reason, "was not moved")
		})
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	if w.did(activities.Start) != 1 {
		t.Errorf("%d starts", w.did(activities.Start))
	}
	w.clean()
}

// TestTheNextCommandEndsTheNote: what became of a move is told until something
// else is asked for, and not for good.
func TestTheNextCommandEndsTheNote(t *testing.T) {
	w := deploymentWorld(t)
	w.single = true
	w.update(activities.Watch, 1, UpdateMove, MoveRequest{Ordinal: 0}, func(Applied, error) {
		w.once(func(s aim.Status) bool { return strings.Contains(s.Reason, "was not moved") }, func() {
			w.env.UpdateWorkflow(UpdateRestart, "", &testsuite.TestUpdateCallback{
				OnAccept: func() {}, OnReject: func(err error) { t.Error(err) }, OnComplete: func(any, error) {},
			}, RestartRequest{})
			w.when(func(s aim.Status) bool { return s.Phase == aim.Ready && s.Replicas[0].Attempt == 2 && s.Reason == "" })
		})
	})
	if _, err := w.runDeployment(aWish()); err != nil {
		t.Fatal(err)
	}
	w.clean()
}

func TestEvictedReplicaStopsFirstAndComesBack(t *testing.T) {
	w := deploymentWorld(t)
	w.update(activities.Watch, 1, UpdateMove, MoveRequest{Ordinal: 0, Evict: true, Why: "others come first"}, ignore)
	w.update(activities.Watch, 2, UpdateStop, StopRequest{}, ignore)
	s, err := w.runDeployment(aWish())
	if err != nil || w.did(activities.Start) != 2 || s.Replicas[0].Attempt != 2 {
		t.Fatalf("%d starts, %+v, %v", w.did(activities.Start), s, err)
	}
	if s.Replicas[0].Node != "n2" {
		t.Errorf("it came back to %s, which it had to leave", s.Replicas[0].Node)
	}
	w.clean()
}

// A scale-down in the middle of a move takes the relief with it.
func TestScaleDownEndsTheMove(t *testing.T) {
	w := deploymentWorld(t)
	spec := aWish()
	spec.Replicas = 2
	w.update(activities.Watch, 2, UpdateMove, MoveRequest{Ordinal: 1}, ignore)
	w.update(activities.AwaitReady, 3, UpdateScale, ScaleRequest{Replicas: 1}, func(Applied, error) {
		w.when(func(s aim.Status) bool {
			return s.Phase == aim.Ready && len(s.Replicas) == 1 && s.Replicas[0].Ordinal == 0
		})
	})
	if _, err := w.runDeployment(spec); err != nil {
		t.Fatal(err)
	}
	w.clean()
}

func TestMovesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		request MoveRequest
		class   aim.FailureClass
		says    string
	}{
		"no such replica":          {MoveRequest{Ordinal: 3}, aim.ClassInput, "no replica 3"},
		"it is elsewhere":          {MoveRequest{Off: "n7"}, aim.ClassConflict, "is on n1, not on n7"},
		"it is there already":      {MoveRequest{To: "n1"}, aim.ClassConflict, "is on n1 already"},
		"evicted, and to a node":   {MoveRequest{Evict: true, To: "n2"}, aim.ClassInput, "wherever there is room"},
		"fewer than min_available": {MoveRequest{Evict: true}, aim.ClassConflict, "min_available is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := deploymentWorld(t)
			spec := aWish()
			spec.MinAvailable = 1
			var refused error
			w.update(activities.Watch, 1, UpdateMove, c.request, func(_ Applied, err error) {
				refused = err
				w.end()
			})
			if _, err := w.runDeployment(spec); err != nil {
				t.Fatal(err)
			}
			if f := failureOf(refused, ""); f == nil || f.Class != c.class || !strings.Contains(f.Why, c.says) {
				t.Errorf("refused with %v", refused)
			}
			w.clean()
		})
	}
}
