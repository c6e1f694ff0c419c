package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/display"
)

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

// describeLadder names the top rung; the others are in the status.
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

// fieldsOf is a wish by the names of the contract, defaults filled in.
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

// moved tells how much a pull or fetch has moved, or that nothing had to be.
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
