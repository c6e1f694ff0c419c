package workflows

import (
	"errors"
	"testing"

	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// A server that dies again and again makes the history long: the replica
// continues as new between two attempts, and the next run makes the next attempt on
// the GPUs that were kept for it.
func TestContinueAsNewBetweenAttempts(t *testing.T) {
	w := replicaWorld(t)
	w.on[activities.Watch] = func(call int) error {
		w.env.SetContinueAsNewSuggested(true)
		return failing(1, aim.ClassExited)(call)
	}
	w.env.ExecuteWorkflow(TypeReplica, replicaInput(), nil)
	var next *workflow.ContinueAsNewError
	if !errors.As(w.env.GetWorkflowError(), &next) {
		t.Fatalf("ended with %v", w.env.GetWorkflowError())
	}
	if len(w.claims) != 1 || len(w.servers) != 0 {
		t.Errorf("between the attempts: claims %v, servers %v", w.claims, w.servers)
	}

	var in ReplicaInput
	var state replicaState
	decode(t, next, &in, &state)
	w2 := replicaWorld(t)
	w2.claims = w.claims
	w2.at(activities.Watch, 1, command{UID: "u1", Verb: verbStop})
	w2.env.ExecuteWorkflow(TypeReplica, in, &state)
	var s aim.ReplicaStatus
	if err := w2.env.GetWorkflowResult(&s); err != nil {
		t.Fatal(err)
	}
	if s.Attempt != 2 || len(s.Tries) != 1 || w2.did(activities.Start) != 1 {
		t.Errorf("attempt %d, tries %+v, %d starts; want the second attempt, started once", s.Attempt, s.Tries, w2.did(activities.Start))
	}
	w2.clean()
}
