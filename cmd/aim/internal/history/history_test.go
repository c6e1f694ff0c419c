package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/clitest"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

// past writes a workflow history, an event a second.
type past struct {
	t      *testing.T
	events []*historypb.HistoryEvent
}

func (p *past) add(e *historypb.HistoryEvent) int64 {
	e.EventId = int64(len(p.events) + 1)
	e.EventTime = timestamppb.New(time.Date(2026, 11, 20, 12, 0, len(p.events), 0, time.UTC))
	p.events = append(p.events, e)
	return e.EventId
}

func (p *past) payload(v any) *commonpb.Payloads {
	if v == nil {
		return nil
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(v)
	require.NoError(p.t, err)
	return payloads
}

func (p *past) started(kind string, input any, continued string) {
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
			WorkflowType: &commonpb.WorkflowType{Name: kind}, Input: p.payload(input), ContinuedExecutionRunId: continued}}})
}

func (p *past) asked(activity, queue string, input any) int64 {
	return p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
		Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
			ActivityType: &commonpb.ActivityType{Name: activity}, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, Input: p.payload(input)}}})
}

// did is an activity that was asked for and completed.
func (p *past) did(activity, queue string, input, result any) {
	id := p.asked(activity, queue, input)
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
		Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{
			ScheduledEventId: id, Result: p.payload(result)}}})
}

func (p *past) failed(activity, queue, class, message string) {
	id := p.asked(activity, queue, nil)
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_FAILED,
		Attributes: &historypb.HistoryEvent_ActivityTaskFailedEventAttributes{ActivityTaskFailedEventAttributes: &historypb.ActivityTaskFailedEventAttributes{
			ScheduledEventId: id, Failure: applicationFailure(class, message)}}})
}

func applicationFailure(class, message string) *failurepb.Failure {
	return &failurepb.Failure{Message: message, FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
		ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: class}}}
}

func (p *past) timedOut(activity, queue string, kind enums.TimeoutType) {
	id := p.asked(activity, queue, nil)
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
		Attributes: &historypb.HistoryEvent_ActivityTaskTimedOutEventAttributes{ActivityTaskTimedOutEventAttributes: &historypb.ActivityTaskTimedOutEventAttributes{
			ScheduledEventId: id, Failure: &failurepb.Failure{Message: "activity timeout", FailureInfo: &failurepb.Failure_TimeoutFailureInfo{
				TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{TimeoutType: kind}}}}}})
}

func (p *past) canceled(activity, queue string) {
	id := p.asked(activity, queue, nil)
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED,
		Attributes: &historypb.HistoryEvent_ActivityTaskCanceledEventAttributes{ActivityTaskCanceledEventAttributes: &historypb.ActivityTaskCanceledEventAttributes{ScheduledEventId: id}}})
}

func (p *past) updated(name string, args any) {
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionUpdateAcceptedEventAttributes{WorkflowExecutionUpdateAcceptedEventAttributes: &historypb.WorkflowExecutionUpdateAcceptedEventAttributes{
			AcceptedRequest: &updatepb.Request{Input: &updatepb.Input{Name: name, Args: p.payload(args)}}}}})
}

func (p *past) signaled(input any) {
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{
			SignalName: "command", Input: p.payload(input)}}})
}

func (p *past) child(id, run string) {
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
		Attributes: &historypb.HistoryEvent_ChildWorkflowExecutionStartedEventAttributes{ChildWorkflowExecutionStartedEventAttributes: &historypb.ChildWorkflowExecutionStartedEventAttributes{
			WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run}}}})
}

func (p *past) completed(result any) {
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{Result: p.payload(result)}}})
}

func tell(all []display.Event) string {
	var b strings.Builder
	for _, e := range all {
		mark := " "
		if e.Bad {
			mark = "!"
		}
		fmt.Fprintf(&b, "%s %s %s %s\n", e.Time.Format("15:04:05"), mark, e.Who, e.Text)
	}
	return b.String()
}

// The whole life of a deployment, in our words.
func TestDeploymentHistory(t *testing.T) {
	p := &past{t: t}
	spec := aim.DeploymentSpec{Model: "Qwen/Qwen3-32B", Name: "q"}
	p.started(workflows.TypeDeployment, spec, "")
	p.updated(workflows.UpdateApply, spec) // says the same: not told
	p.did(activities.SelectRecipes, "aim", nil, activities.SelectResult{Ladder: aim.Ladder{Rungs: []aim.Rung{{Recipe: "top"}, {Recipe: "low"}}}})
	p.child("q/r0", "run-r0")
	p.updated(workflows.UpdateScale, workflows.ScaleRequest{Replicas: 3})
	changed := spec
	changed.GPUs, changed.Args = 2, []string{"--max-num-seqs", "8"}
	p.updated(workflows.UpdateApply, changed)
	p.updated(workflows.UpdateRestart, workflows.RestartRequest{Why: "new driver"})
	p.updated(workflows.UpdateStop, workflows.StopRequest{})
	p.completed(aim.Status{Phase: aim.Stopped, Reason: "stopped on request"})
	got := narrate(execution{"q", "run-1"}, p.events)
	clitest.Golden(t, "history-deployment.txt", tell(got.events))
	require.Equal(t, []execution{{"q/r0", "run-r0"}}, got.follow)
	require.True(t, got.ended)
}

// The life of a replica: every step well, and every way a step can end.
func TestReplicaHistory(t *testing.T) {
	p := &past{t: t}
	p.started(workflows.TypeReplica, workflows.ReplicaInput{Name: "q"}, "")
	place := aim.Decision{Outcome: aim.Place, Placement: &aim.Placement{Ranks: []aim.Rank{{Node: "n1", GPUs: []string{"GPU-1"}}}, Why: "n1 GPU 0"}}
	wait := aim.Decision{Outcome: aim.Wait, Nodes: 1, Reasons: []aim.Reason{{Text: "with fewer than 8 free GPUs", Count: 1}}}
	p.did(activities.Place, "aim", nil, activities.PlaceResult{Decision: wait})
	p.did(activities.AwaitTurn, "aim/place", nil, activities.PlaceResult{Decision: place})
	p.did(activities.Claim, "node/n1", nil, activities.ClaimResult{Claim: aim.Claim{Identity: aim.Identity{Attempt: 2}, GPUs: []string{"GPU-1"}}})
	p.did(activities.PullImage, "node/n1", activities.PullRequest{Image: "rocm/vllm:v1"}, activities.StepResult{Note: "present"})
	p.did(activities.FetchModel, "node/n1", activities.FetchRequest{Model: "Qwen/Qwen3-32B"}, activities.StepResult{Bytes: 61 << 30})
	p.did(activities.Start, "node/n1", nil, activities.StartResult{Server: "aim-q-0-u1-2", Runtime: "process", Simulated: true})
	p.failed(activities.AwaitReady, "node/n1", "oom", "configuration error (oom): GPU memory ran out")
	p.did(activities.Stop, "node/n1", nil, activities.StopResult{})
	p.did(activities.Release, "node/n1", nil, activities.StepResult{})
	p.did(activities.AwaitReady, "node/n1", nil, activities.ReadyResult{Endpoint: aim.Endpoint{URL: "http://127.0.0.1:21000", Model: "Qwen/Qwen3-32B"}})
	p.timedOut(activities.Watch, "node/n1", enums.TIMEOUT_TYPE_HEARTBEAT)
	p.timedOut(activities.Claim, "node/n1", enums.TIMEOUT_TYPE_SCHEDULE_TO_START)
	p.signaled(map[string]string{"verb": "attach"}) // between the workflows: not told
	p.signaled(map[string]string{"verb": "stop", "why": "not wanted any more"})
	p.failed(activities.Watch, "node/n1", "cancelled", "the watch was called off")
	p.canceled(activities.Place, "aim")
	p.did("SomethingNew", "aim", nil, nil)
	p.failed("SomethingNew", "aim", "internal", "it broke")
	p.completed(aim.ReplicaStatus{Phase: aim.Stopped, Reason: "not wanted any more"})
	got := narrate(execution{"q/r0", "run-r0"}, p.events)
	clitest.Golden(t, "history-replica.txt", tell(got.events))
	require.True(t, got.ended)
}

// A run that continues another goes on with its story instead of beginning one.
func TestContinuedRun(t *testing.T) {
	p := &past{t: t}
	p.started(workflows.TypeDeployment, aim.DeploymentSpec{Model: "m/m"}, "run-0")
	p.add(&historypb.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes{
			WorkflowExecutionContinuedAsNewEventAttributes: &historypb.WorkflowExecutionContinuedAsNewEventAttributes{NewExecutionRunId: "run-2"}}})
	got := narrate(execution{"q", "run-1"}, p.events)
	require.Empty(t, got.events)
	require.Equal(t, []execution{{"q", "run-2"}}, got.follow)
	require.False(t, got.ended)
}

// The other ways in which a workflow ends are told, with what is known.
func TestUnusualEnds(t *testing.T) {
	for want, e := range map[string]*historypb.HistoryEvent{
		"failed: no recipe": {EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes{WorkflowExecutionFailedEventAttributes: &historypb.WorkflowExecutionFailedEventAttributes{
				Failure: &failurepb.Failure{Message: "workflow execution error", Cause: applicationFailure("no_recipe", "no recipe")}}}},
		"terminated: by hand": {EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
			Attributes: &historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes{WorkflowExecutionTerminatedEventAttributes: &historypb.WorkflowExecutionTerminatedEventAttributes{Reason: "by hand"}}},
		"timed out": {EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT},
		"cancelled": {EventType: enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED},
	} {
		p := &past{t: t}
		p.add(e)
		got := narrate(execution{"q", "run-1"}, p.events)
		require.Len(t, got.events, 1)
		require.Equal(t, want, got.events[0].Text)
		require.True(t, got.ended)
	}
}

// Events keep their ids from reading to reading, and no two share one.
func TestEventsAreTold(t *testing.T) {
	var b strings.Builder
	a := cli.New(cli.Streams{Out: &b, Err: &b})
	o, told := options{}, map[string]bool{}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	first := []display.Event{{ID: "r.1", Time: at, Who: "q", Text: "wanted"}}
	require.NoError(t, o.tell(a, first, told))
	require.NoError(t, o.tell(a, append(first, display.Event{ID: "r.2", Time: at, Who: "q", Text: "chosen"}), told))
	require.Equal(t, "2026-11-20T12:00:00.000Z   q   wanted\n2026-11-20T12:00:00.000Z   q   chosen\n", b.String())
}

func TestSortEvents(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	all := []display.Event{{Who: "q/1", Time: at, Text: "b"}, {Who: "q/0", Time: at.Add(1), Text: "c"}, {Who: "q", Time: at, Text: "a"}}
	sortEvents(all)
	require.Equal(t, "abc", all[0].Text+all[1].Text+all[2].Text)
}
