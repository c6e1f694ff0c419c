package history

import (
	"cmp"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/display"
	"github.com/aim-engine/aim/workflows"
)

// started tells the first wish of a workflow; a run that continues another has
// been told before.
func (n *narrator) started(e *historypb.HistoryEvent) {
	a := e.GetWorkflowExecutionStartedEventAttributes()
	if a.ContinuedExecutionRunId != "" {
		return
	}
	switch a.WorkflowType.GetName() {
	case workflows.TypeDeployment:
		var spec aim.DeploymentSpec
		if decode(a.Input, &spec) {
			n.wish = spec
			n.say(e, false, "wanted: %s, %s", spec.Model, display.Count(spec.Defaulted().Replicas, "replica", "replicas"))
		}
	case workflows.TypeReplica:
		n.say(e, false, "started")
	}
}

// updated tells a command. An Apply that wants what is wanted already, as the
// one that starts a deployment does, is not worth a line.
func (n *narrator) updated(e *historypb.HistoryEvent) {
	input := e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput()
	switch input.GetName() {
	case workflows.UpdateApply:
		var spec aim.DeploymentSpec
		if decode(input.Args, &spec) && !spec.Equal(n.wish) {
			n.say(e, false, "applied: %s", describeChange(n.wish, spec))
			n.wish = spec
		}
	case workflows.UpdateScale:
		var r workflows.ScaleRequest
		decode(input.Args, &r)
		n.wish.Replicas = r.Replicas
		n.say(e, false, "scale to %s asked for", display.Count(r.Replicas, "replica", "replicas"))
	case workflows.UpdateRestart:
		var r workflows.RestartRequest
		decode(input.Args, &r)
		n.say(e, false, "restart asked for%s", because(r.Why))
	case workflows.UpdateRollback:
		var r workflows.RollbackRequest
		decode(input.Args, &r)
		n.say(e, false, "rollback asked for%s", because(r.Why))
	case workflows.UpdateStop:
		var r workflows.StopRequest
		decode(input.Args, &r)
		n.say(e, false, "stop asked for%s", because(r.Why))
	}
}

// signaled tells what a Deployment tells its replica; reports in the other
// direction repeat what the replica's own history says.
func (n *narrator) signaled(e *historypb.HistoryEvent) {
	var command struct {
		Verb string `json:"verb"`
		Why  string `json:"why"`
	}
	if !decode(e.GetWorkflowExecutionSignaledEventAttributes().Input, &command) {
		return
	}
	if command.Verb == "stop" || command.Verb == "restart" {
		n.say(e, false, "told to %s%s", command.Verb, because(command.Why))
	}
}

// doing says what an activity does.
var doing = map[string]string{
	activities.SelectRecipes: "choosing a recipe",
	activities.Place:         "looking for a place",
	activities.AwaitTurn:     "waiting for a place",
	activities.Claim:         "claiming GPUs",
	activities.PullImage:     "pulling the image",
	activities.FetchModel:    "fetching the weights",
	activities.Start:         "starting the server",
	activities.AwaitReady:    "proving the server",
	activities.Watch:         "watching the server",
	activities.Stop:          "stopping the server",
	activities.Release:       "releasing the GPUs",
}

// activity says what a step was doing, by the event that asked for it.
func (n *narrator) activity(scheduled int64) string {
	name := n.asked[scheduled].GetActivityType().GetName()
	if text, ok := doing[name]; ok {
		return text
	}
	return cmp.Or(name, "a step")
}

// failed tells a step that has failed. One that was called off has not.
func (n *narrator) failed(e *historypb.HistoryEvent) {
	a := e.GetActivityTaskFailedEventAttributes()
	if a.Failure.GetApplicationFailureInfo().GetType() == string(aim.ClassCancelled) {
		n.say(e, false, "%s was called off", n.activity(a.ScheduledEventId))
		return
	}
	n.say(e, true, "%s failed: %s", n.activity(a.ScheduledEventId), failureText(a.Failure))
}

// node is the node that an activity was sent to, or "".
func (n *narrator) node(scheduled int64) string {
	queue := n.asked[scheduled].GetTaskQueue().GetName()
	name, ok := strings.CutPrefix(queue, activities.NodeQueue(""))
	if !ok {
		return ""
	}
	return name
}

// completed tells the result of a step.
func (n *narrator) completed(e *historypb.HistoryEvent) {
	a := e.GetActivityTaskCompletedEventAttributes()
	asked := n.asked[a.ScheduledEventId]
	if asked == nil {
		return
	}
	if text := resultText(asked.ActivityType.GetName(), n.node(a.ScheduledEventId), asked.Input, a.Result); text != "" {
		n.say(e, false, "%s", text)
	}
}

// failureText is the innermost message: the outer ones are Temporal's.
func failureText(f *failurepb.Failure) string {
	for f.GetCause() != nil {
		f = f.Cause
	}
	if f.GetMessage() == "" {
		return "no reason given"
	}
	return f.Message
}

// timeoutText says which time ran out.
func timeoutText(f *failurepb.Failure) string {
	switch f.GetTimeoutFailureInfo().GetTimeoutType() {
	case enums.TIMEOUT_TYPE_SCHEDULE_TO_START:
		return "nobody took it up"
	case enums.TIMEOUT_TYPE_HEARTBEAT:
		return "whoever did it went silent"
	case enums.TIMEOUT_TYPE_START_TO_CLOSE, enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE:
		return "it took too long"
	}
	return failureText(f)
}

// decode reads the first payload; false when there is none that fits.
func decode(payloads *commonpb.Payloads, into any) bool {
	if len(payloads.GetPayloads()) == 0 {
		return false
	}
	return converter.GetDefaultDataConverter().FromPayload(payloads.Payloads[0], into) == nil
}
