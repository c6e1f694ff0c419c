package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
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
		n.say(e, false, "scale to %s asked for", display.Count(r.Replicas, "replica", "replicas"))
	case workflows.UpdateRestart:
		var r workflows.RestartRequest
		decode(input.Args, &r)
		n.say(e, false, "restart asked for%s", because(r.Why))
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

// activity names a step by the sentence that was written down with it, else by
// its type.
func (n *narrator) activity(scheduled int64) string {
	a := n.asked[scheduled]
	if a == nil {
		return "a step"
	}
	return a.ActivityType.GetName()
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

// resultText is what a step has done, in words; "" for one that is not worth a
// line.
func resultText(activity, node string, input, result *commonpb.Payloads) string {
	switch activity {
	case activities.SelectRecipes:
		var r activities.SelectResult
		decode(result, &r)
		return describeLadder(r.Ladder)
	case activities.Place, activities.AwaitTurn:
		var r activities.PlaceResult
		decode(result, &r)
		if r.Outcome == aim.Place {
			return "placed: " + r.String()
		}
		return fmt.Sprintf("not placed (%s): %s", r.Outcome, r)
	case activities.Claim:
		var r activities.ClaimResult
		decode(result, &r)
		return fmt.Sprintf("attempt %d claimed %s on %s: %s", r.Claim.Attempt, display.Count(len(r.Claim.GPUs), "GPU", "GPUs"), node, strings.Join(r.Claim.GPUs, " "))
	case activities.PullImage:
		var q activities.PullRequest
		decode(input, &q)
		return fmt.Sprintf("image %s is on %s%s", q.Image, node, moved(result))
	case activities.FetchModel:
		var q activities.FetchRequest
		decode(input, &q)
		return fmt.Sprintf("weights of %s are on %s%s", q.Model, node, moved(result))
	case activities.Start:
		var r activities.StartResult
		decode(result, &r)
		return fmt.Sprintf("started %s on %s (%s)%s", r.Server, node, r.Runtime, simulatedNote(r.Simulated))
	case activities.AwaitReady:
		var r activities.ReadyResult
		decode(result, &r)
		return fmt.Sprintf("ready: %s answers at %s", r.Endpoint.Model, r.Endpoint.URL)
	case activities.Stop:
		return "server is gone from " + node
	case activities.Release:
		return "GPUs released on " + node
	}
	return ""
}

func describeLadder(l aim.Ladder) string {
	if len(l.Rungs) == 0 {
		return "no recipe chosen"
	}
	text := "recipe chosen: " + l.Rungs[0].Recipe
	if n := len(l.Rungs) - 1; n > 0 {
		text += ", with " + display.Count(n, "fallback", "fallbacks")
	}
	return text
}

// describeChange names the fields in which two wishes differ, with their new
// values.
func describeChange(before, after aim.DeploymentSpec) string {
	was, is := fieldsOf(before), fieldsOf(after)
	names := map[string]bool{}
	for _, fields := range []map[string]any{was, is} {
		for name := range fields {
			names[name] = names[name] || !reflect.DeepEqual(was[name], is[name])
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if names[name] {
			value, _ := json.Marshal(is[name]) // it was JSON a moment ago
			parts = append(parts, name+" "+string(value))
		}
	}
	return strings.Join(parts, ", ")
}

func fieldsOf(spec aim.DeploymentSpec) map[string]any {
	var fields map[string]any
	text, err := json.Marshal(spec.Defaulted())
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		return nil
	}
	return fields
}

func moved(result *commonpb.Payloads) string {
	var r activities.StepResult
	decode(result, &r)
	var notes []string
	if r.Bytes > 0 {
		notes = append(notes, display.Bytes(r.Bytes))
	}
	if r.Note != "" {
		notes = append(notes, r.Note)
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

func simulatedNote(simulated bool) string {
	if simulated {
		return ", SIMULATED"
	}
	return ""
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// lastReason reads why a workflow has ended from the status it returned.
func lastReason(result *commonpb.Payloads) string {
	var s struct {
		Phase  aim.Phase `json:"phase"`
		Reason string    `json:"reason"`
	}
	decode(result, &s)
	return strings.TrimSuffix(string(s.Phase)+", "+s.Reason, ", ")
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
	if info := f.GetTimeoutFailureInfo(); info != nil {
		return strings.ToLower(strings.ReplaceAll(info.TimeoutType.String(), "To", " to "))
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
