package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// DrainInput asks for an empty node.
type DrainInput struct {
	Node string `json:"node"`
	Why  string `json:"why,omitempty"` // it is cordoned
	// StopFirst stops replicas that have nowhere to go, min_available permitting. They
	// wait for room as others do.
	StopFirst bool `json:"stop_first,omitempty"`
	// Reboot waits until the empty node has started anew, and opens it again.
	Reboot bool `json:"reboot,omitempty"`
}

// DrainPhase is how far a drain is, in one word.
type DrainPhase string

const (
	DrainMoving DrainPhase = "Moving" // replicas leave it
	DrainEmpty  DrainPhase = "Empty"  // nothing is on it; it may be rebooted
	DrainDone   DrainPhase = "Done"   // empty and cordoned, or back and open
	DrainEnded  DrainPhase = "Ended"  // somebody has opened the node meanwhile
)

// DrainStatus is what a drain tells of itself, and its result.
type DrainStatus struct {
	Node   string                   `json:"node"`
	Phase  DrainPhase               `json:"phase"`
	Reason string                   `json:"reason,omitempty"` // what it waits for, or why it has ended
	Left   []activities.NodeReplica `json:"left"`             // still on the node
	Gone   int                      `json:"gone"`             // replicas that have left it
}

// Drain empties a node: it cordons it, and has one replica after the other succeeded
// elsewhere, each by its own Deployment, until nothing is held there.
//
//	cordon ─▶ [ look ─▶ move one ]* ─▶ empty ─┬▶ done, cordoned
//	                                          └▶ rebooted ─▶ opened ─▶ done
//
// Cancelling it leaves the node cordoned and what has moved where it is; another drain
// goes on from there. Opening the node ends it.
func Drain(ctx workflow.Context, in DrainInput, resumed *drainState) (DrainStatus, error) {
	if !aim.IsLabel(in.Node) {
		return DrainStatus{}, failed(aim.Failf(aim.ClassInput, "field \"node\" is %q; give the id of a node", clip(in.Node, 80)))
	}
	d := drainState{}
	if resumed != nil {
		d = *resumed
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryDrain, func() (DrainStatus, error) { return d.status(in), nil },
		workflow.QueryHandlerOptions{Description: "how far the drain is"})
	if err != nil {
		return DrainStatus{}, err
	}
	for !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		look := activities.ViewNodeRequest{Node: in.Node, Known: d.known()}
		var view activities.NodeView
		if err := workflow.ExecuteActivity(on(ctx, activities.ViewNode, "", "what is on "+in.Node), activities.ViewNode, look).Get(ctx, &view); err != nil {
			return d.status(in), err
		}
		step := d.next(in, view, workflow.Now(ctx))
		workflow.SetCurrentDetails(ctx, clip(drainCard(d.status(in)), maxCard))
		if step.over {
			return d.status(in), nil
		}
		if f := drainStepDone(ctx, in, step); ctx.Err() == nil {
			d.told(step, f, workflow.Now(ctx))
		}
	}
	return DrainStatus{}, workflow.NewContinueAsNewError(ctx, TypeDrain, in, &d)
}

// drainStepDone carries a step out; nil is done.
func drainStepDone(ctx workflow.Context, in DrainInput, step drainStep) *aim.Failure {
	switch {
	case step.cordon != nil:
		summary := "open " + in.Node
		if *step.cordon != "" {
			summary = "cordon " + in.Node
		}
		return failureOf(workflow.ExecuteActivity(on(ctx, activities.SetNode, activities.NodeQueue(in.Node), summary),
			activities.SetNode, activities.SetNodeRequest{Cordon: step.cordon}).Get(ctx, nil), in.Node)
	case step.move != nil:
		summary := fmt.Sprintf("move %s/%d off %s", step.move.Deployment, step.move.Ordinal, in.Node)
		return failureOf(workflow.ExecuteActivity(on(ctx, activities.MoveReplica, "", summary), activities.MoveReplica, *step.move).Get(ctx, nil), in.Node)
	}
	return nil
}

// drainCard is what the Temporal UI shows above the history.
func drainCard(s DrainStatus) string {
	text := fmt.Sprintf("**%s** %s, %d gone, %d left", s.Node, s.Phase, s.Gone, len(s.Left))
	if s.Reason != "" {
		text += "\n\n" + s.Reason
	}
	for _, r := range s.Left {
		text += fmt.Sprintf("\n- %s %s", r.Name(), orElse(string(r.Phase), "unknown"))
	}
	return text
}

// DrainSearch says of which node a drain is, for lists of workflows.
func DrainSearch(node string) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(AttrNode.ValueSet(node))
}
