package workflows

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// The files of testdata/replay are histories of real runs, one event a line.
// They stand for the deployments that run while AIM Engine is upgraded: the new
// code must take up where the old one was. A replay that fails says that the
// change would break running deployments; put it behind workflow.GetVersion.
//
// Record again only when a story itself has changed or a new one is added, and
// only the files that it concerns:
//
//	AIM_RECORD_HISTORIES=$PWD/workflows/testdata/replay go test ./internal/e2e -run TestRecordHistories/STORY

// Obligation: the workflows of today take up every saved history.
func TestReplay(t *testing.T) {
	for name, saved := range savedHistories(t) {
		t.Run(name, func(t *testing.T) {
			if err := replay(t, saved, Register); err != nil {
				t.Error(err)
			}
		})
	}
}

// Obligation: each history is of use: workflows that do nothing of what it tells
// do not pass for it.
func TestReplayFindsOtherWorkflows(t *testing.T) {
	for name, saved := range savedHistories(t) {
		t.Run(name, func(t *testing.T) {
			if err := replay(t, saved, registerOthers); err == nil {
				t.Error("a workflow that only waits was taken for the one that was recorded")
			}
		})
	}
}

// registerOthers adds workflows of our names that wait for ever.
func registerOthers(r interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}) {
	wait := func(ctx workflow.Context) error { return workflow.Await(ctx, func() bool { return false }) }
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ aim.DeploymentSpec, _ *deploymentState) (aim.Status, error) {
		return aim.Status{}, wait(ctx)
	}, workflow.RegisterOptions{Name: TypeDeployment})
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ ReplicaInput, _ *replicaState) (aim.ReplicaStatus, error) {
		return aim.ReplicaStatus{}, wait(ctx)
	}, workflow.RegisterOptions{Name: TypeReplica})
	r.RegisterWorkflowWithOptions(wait, workflow.RegisterOptions{Name: TypeScheduler})
}

// Obligation: the histories together hold every step and every message, and are
// of runs that were closed, cut off in the middle and continued.
func TestReplayCoversTheStory(t *testing.T) {
	seen := map[string]bool{}
	for _, saved := range savedHistories(t) {
		for _, e := range saved.Events {
			seen[e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()] = true
			seen[e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName()] = true
			seen[e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput().GetName()] = true
			seen["failed attempt"] = seen["failed attempt"] || e.GetActivityTaskFailedEventAttributes() != nil
			seen["stopped attempt"] = seen["stopped attempt"] || e.GetActivityTaskCancelRequestedEventAttributes() != nil
			seen["pause"] = seen["pause"] || e.GetTimerFiredEventAttributes() != nil
			seen["continued"] = seen["continued"] || e.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId() != ""
			seen["completed"] = seen["completed"] || e.GetWorkflowExecutionCompletedEventAttributes() != nil
			seen["failed"] = seen["failed"] || e.GetWorkflowExecutionFailedEventAttributes() != nil
		}
		seen["running"] = seen["running"] || !closed(saved)
	}
	for _, what := range []string{
		activities.SelectRecipes, activities.Place, activities.AwaitTurn, activities.Lead,
		activities.Claim, activities.PullImage, activities.FetchModel, activities.Start, activities.AwaitReady, activities.Watch,
		activities.Stop, activities.Release,
		UpdateApply, UpdateScale, UpdateRestart, UpdateStop, signalReport, signalCommand,
		"failed attempt", "stopped attempt", "pause", "continued", "completed", "failed", "running",
	} {
		if !seen[what] {
			t.Errorf("no history of testdata/replay holds: %s", what)
		}
	}
}

func closed(h *history.History) bool {
	last := h.Events[len(h.Events)-1]
	return last.GetWorkflowExecutionCompletedEventAttributes() != nil || last.GetWorkflowExecutionFailedEventAttributes() != nil
}

// replay runs a history under its own workflow id, which Deployment looks at.
func replay(t *testing.T, saved *history.History, register func(interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
})) error {
	t.Helper()
	replayer := worker.NewWorkflowReplayer()
	register(replayer)
	started := saved.Events[0].GetWorkflowExecutionStartedEventAttributes()
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), saved,
		worker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{
			ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()}})
}

// savedHistories reads testdata/replay, by file name.
func savedHistories(t *testing.T) map[string]*history.History {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "replay", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories in testdata/replay: %v", err)
	}
	readable := temporalproto.CustomJSONUnmarshalOptions{
		Metadata: map[string]any{common.EnablePayloadShorthandMetadataKey: true}, DiscardUnknown: true}
	all := map[string]*history.History{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		saved := &history.History{}
		if err := readable.Unmarshal(text, saved); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = saved
	}
	return all
}
