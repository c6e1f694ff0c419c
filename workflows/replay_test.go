package workflows

import (
	"compress/gzip"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// The files of testdata/replay are packed histories of real runs, one event a line,
// each with its outline beside it.
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
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ DrainInput, _ *drainState) (DrainStatus, error) {
		return DrainStatus{}, wait(ctx)
	}, workflow.RegisterOptions{Name: TypeDrain})
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ FetchInput) (FetchResult, error) {
		return FetchResult{}, wait(ctx)
	}, workflow.RegisterOptions{Name: TypeFetch})
}

// Obligation: the histories together hold every step and every message, and are
// of runs that were closed, cut off in the middle and continued.
func TestReplayCoversTheStory(t *testing.T) {
	seen := map[string]bool{}
	for _, saved := range savedHistories(t) {
		seen[saved.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()] = true
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
	whole := slices.Concat(
		words(t, "names.go", "Type", "Update", "signal", "Signal"), words(t, "../activities/names.go", ""),
		[]string{"failed attempt", "stopped attempt", "pause", "continued", "completed", "failed", "running"})
	for _, what := range whole {
		if !seen[what] {
			t.Errorf("no history of testdata/replay holds: %s", what)
		}
	}
}

// outsideWorkflows are activities that no workflow calls, and ids.
var outsideWorkflows = []string{activities.RemoveModel, activities.StepWait, activities.StepProve,
	activities.PlaceQueue, activities.ControlQueue, SchedulerID}

// words are the constants of a file whose names begin so: whatever is added to them
// needs a history.
func words(t *testing.T, file string, prefixes ...string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 || !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(v.Names[0].Name, p) }) {
			return true
		}
		if text, ok := v.Values[0].(*ast.BasicLit); ok && text.Kind == token.STRING {
			if word := strings.Trim(text.Value, `"`); !slices.Contains(outsideWorkflows, word) {
				all = append(all, word)
			}
		}
		return true
	})
	if len(all) < 8 {
		t.Fatalf("%s has only %v", file, all)
	}
	return all
}

var outline = flag.Bool("outline", false, "write the outlines of the saved histories")

// Obligation: what each history tells stands beside it, for people to review.
func TestHistoriesAreOutlined(t *testing.T) {
	for name, saved := range savedHistories(t) {
		path, text := filepath.Join("testdata", "replay", name+".txt"), outlineOf(saved)
		if *outline {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != text {
			t.Errorf("%s is not the outline of its history: go test ./workflows -run TestHistoriesAreOutlined -outline (%v)", path, err)
		}
	}
}

// outlineOf is a history in lines: what was done and heard, without the engine's
// own bookkeeping.
func outlineOf(h *history.History) string {
	var b strings.Builder
	names := map[int64]string{} // of activities and children, by event
	for _, e := range h.Events {
		var line string
		switch e.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			a := e.GetWorkflowExecutionStartedEventAttributes()
			line = "start " + a.GetWorkflowType().GetName()
			if a.GetContinuedExecutionRunId() != "" {
				line += ", continued"
			}
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			a := e.GetActivityTaskScheduledEventAttributes()
			names[e.GetEventId()] = a.GetActivityType().GetName()
			line = "do    " + names[e.GetEventId()] + " on " + a.GetTaskQueue().GetName()
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			line = "done  " + names[e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()]
		case enums.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			a := e.GetActivityTaskFailedEventAttributes()
			line = "fail  " + names[a.GetScheduledEventId()] + ": " + a.GetFailure().GetApplicationFailureInfo().GetType()
		case enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
			line = "late  " + names[e.GetActivityTaskTimedOutEventAttributes().GetScheduledEventId()]
		case enums.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
			line = "abort " + names[e.GetActivityTaskCancelRequestedEventAttributes().GetScheduledEventId()]
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			line = "hear  " + e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName()
		case enums.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED:
			a := e.GetSignalExternalWorkflowExecutionInitiatedEventAttributes()
			line = "tell  " + a.GetWorkflowExecution().GetWorkflowId() + " " + a.GetSignalName()
		case enums.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			line = "child " + e.GetStartChildWorkflowExecutionInitiatedEventAttributes().GetWorkflowId()
		case enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
			line = "ended " + e.GetChildWorkflowExecutionCompletedEventAttributes().GetWorkflowExecution().GetWorkflowId()
		case enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
			line = "ended " + e.GetChildWorkflowExecutionFailedEventAttributes().GetWorkflowExecution().GetWorkflowId() + ", failed"
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			line = "asked " + e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput().GetName()
		case enums.EVENT_TYPE_TIMER_STARTED:
			line = "pause " + e.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration().Round(time.Second).String()
		case enums.EVENT_TYPE_TIMER_FIRED:
			line = "over  pause"
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
			enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
			line = "end   " + e.GetEventType().String()
		default:
			continue
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
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

func unpacked(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return text
}

// savedHistories reads testdata/replay, by file name.
func savedHistories(t *testing.T) map[string]*history.History {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "replay", "*.json.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories in testdata/replay: %v", err)
	}
	readable := temporalproto.CustomJSONUnmarshalOptions{
		Metadata: map[string]any{common.EnablePayloadShorthandMetadataKey: true}, DiscardUnknown: true}
	all := map[string]*history.History{}
	for _, file := range files {
		text := unpacked(t, file)
		saved := &history.History{}
		if err := readable.Unmarshal(text, saved); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json.gz")] = saved
	}
	return all
}
