package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/workflows"
)

// Obligation: who has only the Temporal UI sees what happens to a deployment
// and why: every step in a sentence, a card of how it is now, the failed attempt
// with its cause, lists by model, phase, node, recipe and GPU, and the owner.
func TestTemporalTellsTheStory(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	name := "visible"
	apply(t, ctx, s, named(name, "oom@first=1"))
	status := awaitReady(t, ctx, s, name)
	replica := status.Replicas[0]
	if len(replica.Tries) != 1 {
		t.Fatalf("%d attempts have failed, want one: %+v", len(replica.Tries), replica.Tries)
	}

	t.Run("every step has a summary", func(t *testing.T) { checkSummaries(t, ctx, s, replica) })
	t.Run("a failed attempt shows class and cause", func(t *testing.T) { checkFailedAttempt(t, ctx, s, name) })
	t.Run("cards", func(t *testing.T) {
		checkSays(t, cardOf(t, ctx, s, workflows.DeploymentID(name)), name, small, "**Ready**", replica.Node, replica.Endpoint)
		checkSays(t, cardOf(t, ctx, s, workflows.ReplicaID(name, 0)), small, "**Ready**", "attempt 2",
			replica.Recipe, replica.Node, replica.GPUs[0], replica.Endpoint, "oom", replica.Tries[0].Why)
	})
	t.Run("messages are described", func(t *testing.T) { checkDefinition(t, ctx, s, name) })
	t.Run("lists", func(t *testing.T) { checkLists(t, ctx, s, name, replica) })
	t.Run("the owner", func(t *testing.T) { checkOwner(t, ctx, s, status) })
}

// checkSummaries asserts that each activity of the replica is told in a
// sentence that names what it works on.
func checkSummaries(t *testing.T, ctx context.Context, s *stack.Stack, r aim.ReplicaStatus) {
	t.Helper()
	last := map[string]string{} // by activity
	for _, e := range eventsOf(t, ctx, s, workflows.ReplicaID("visible", 0)) {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			last[a.GetActivityType().GetName()] = textOf(t, e.GetUserMetadata().GetSummary())
		}
	}
	for activity, words := range map[string][]string{
		activities.Place:      {"visible/0", r.Recipe, "MI300X"},
		activities.Claim:      {r.GPUs[0], r.Node},
		activities.PullImage:  {r.Image, r.Node},
		activities.FetchModel: {small, r.Node},
		activities.Start:      {"vllm", "aim-visible-0-", r.Node},
		activities.AwaitReady: {servedName("visible"), r.Node},
		activities.Watch:      {"aim-visible-0-", r.Node},
		activities.Stop:       {"aim-visible-0-"},
	} {
		checkSays(t, last[activity], words...)
	}
	for _, e := range eventsOf(t, ctx, s, workflows.DeploymentID("visible")) {
		if e.GetActivityTaskScheduledEventAttributes() != nil || e.GetStartChildWorkflowExecutionInitiatedEventAttributes() != nil {
			checkSays(t, textOf(t, e.GetUserMetadata().GetSummary()), small)
		}
	}
}

// checkFailedAttempt looks for the first attempt's end in the history.
func checkFailedAttempt(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	t.Helper()
	for _, e := range eventsOf(t, ctx, s, workflows.ReplicaID(name, 0)) {
		failure := e.GetActivityTaskFailedEventAttributes().GetFailure()
		if failure == nil {
			continue
		}
		info := failure.GetApplicationFailureInfo()
		if info.GetType() != string(aim.ClassOOM) {
			t.Errorf("the attempt failed as %q, want %q", info.GetType(), aim.ClassOOM)
		}
		checkSays(t, failure.GetMessage(), "configuration error (oom)", "GPU memory ran out")
		var f aim.Failure
		must(t, converter.GetDefaultDataConverter().FromPayloads(info.GetDetails(), &f))
		if f.Class != aim.ClassOOM || len(f.LogLines) == 0 {
			t.Errorf("the details are %+v, want the class and lines of the log", f)
		}
		return
	}
	t.Error("no attempt has failed")
}

// checkDefinition asserts that the UI can tell what a deployment may be told.
func checkDefinition(t *testing.T, ctx context.Context, s *stack.Stack, name string) {
	t.Helper()
	d := metadataOf(t, ctx, s, workflows.DeploymentID(name)).GetDefinition()
	described := map[string]bool{}
	for _, list := range [][]*sdk.WorkflowInteractionDefinition{d.GetQueryDefinitions(), d.GetUpdateDefinitions(), d.GetSignalDefinitions()} {
		for _, i := range list {
			described[i.GetName()] = i.GetDescription() != ""
		}
	}
	for _, message := range []string{
		workflows.QueryStatus, workflows.UpdateApply, workflows.UpdateScale, workflows.UpdateRestart, workflows.UpdateStop,
	} {
		if !described[message] {
			t.Errorf("%s is not described", message)
		}
	}
}

// checkLists asserts that Temporal's list finds the workflows by what they are
// about. Its store is a moment behind.
func checkLists(t *testing.T, ctx context.Context, s *stack.Stack, name string, r aim.ReplicaStatus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	running := fmt.Sprintf(" AND AimDeployment = '%s' AND ExecutionStatus = 'Running'", name)
	for query, want := range map[string]string{
		"WorkflowType = 'Deployment' AND AimPhase = 'Ready' AND AimModel = '" + small + "'": workflows.DeploymentID(name),
		"WorkflowType = 'Replica' AND AimModel = '" + small + "'":                           workflows.ReplicaID(name, 0),
		"WorkflowType = 'Replica' AND AimPhase = 'Ready'":                                   workflows.ReplicaID(name, 0),
		"AimNode = '" + r.Node + "'":                                                        workflows.ReplicaID(name, 0),
		"AimRecipe = '" + r.Recipe + "'":                                                    workflows.ReplicaID(name, 0),
		"AimGPUs IN ('" + r.GPUs[0] + "')":                                                  workflows.ReplicaID(name, 0),
	} {
		var found []string
		err := stack.Eventually(ctx, func() (bool, error) {
			var err error
			found, err = list(ctx, s, query+running)
			return slices.Equal(found, []string{want}), err
		})
		if err != nil {
			t.Errorf("%s: found %v, want %s: %v", query+running, found, want, err)
		}
	}
	if found, err := list(ctx, s, "AimPhase = 'Failed'"+running); err != nil || len(found) > 0 {
		t.Errorf("found %v, %v as failed", found, err)
	}
}

// checkOwner asserts that the memo names the attempt that holds the claim.
func checkOwner(t *testing.T, ctx context.Context, s *stack.Stack, status aim.Status) {
	t.Helper()
	var owner aim.Owner
	memo := describe(t, ctx, s, workflows.ReplicaID(status.Name, 0)).GetWorkflowExecutionInfo().GetMemo()
	must(t, converter.GetDefaultDataConverter().FromPayload(memo.GetFields()[workflows.MemoOwner], &owner))
	claims := claimsOf(t, s, status.Name)
	if len(claims) != 1 {
		t.Fatalf("claims %+v, want one", claims)
	}
	c := claims[0]
	if want := (aim.Owner{UID: status.UID, Attempt: c.Attempt, Token: c.Token}); owner != want {
		t.Errorf("the memo names %+v, the claim is of %+v", owner, want)
	}
}

// Obligation: a replica that waits for capacity says in Temporal why, and where
// it is in the queue: in the heartbeat of the pending step and on its card.
func TestTemporalTellsWhyAReplicaWaits(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	apply(t, ctx, s, wholeNode("has-it"))
	awaitReady(t, ctx, s, "has-it")
	apply(t, ctx, s, wholeNode("waits"))
	must(t, awaitStep(ctx, s, "waits", activities.AwaitTurn, 1))

	id := workflows.ReplicaID("waits", 0)
	var said aim.Progress
	must(t, stack.Eventually(ctx, func() (bool, error) {
		said = progressOf(t, ctx, s, id, activities.AwaitTurn)
		return said.Step != "", nil
	}))
	if said.Step != "wait" {
		t.Errorf("the heartbeat is of step %q", said.Step)
	}
	why := []string{"no free GPU", "has-it/0"} // what is missing, and who has it
	checkSays(t, said.Note, append(why, "1 of 1 in the queue")...)
	checkSays(t, cardOf(t, ctx, s, id), append(why, "**Placing**")...)
	checkSays(t, cardOf(t, ctx, s, workflows.DeploymentID("waits")), append(why, "**Placing**")...)

	must(t, stack.Stop(ctx, s.Temporal(), "has-it"))
	status := awaitReady(t, ctx, s, "waits")
	if status.Replicas[0].Attempt != 1 {
		t.Errorf("waiting took %d attempts", status.Replicas[0].Attempt)
	}
}

// wholeNode wants all GPUs of one node.
func wholeNode(name string) aim.DeploymentSpec {
	wish := named(name, "")
	wish.Model, wish.GPUs, wish.Selector = "Qwen/Qwen3-32B", 8, map[string]string{"node": "n1"}
	return wish
}

// checkSays asserts that the text holds all the words.
func checkSays(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if w == "" || !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}
