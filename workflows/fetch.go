package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// FetchInput asks for a model's weights on nodes.
type FetchInput struct {
	Model    string            `json:"model"`
	Revision string            `json:"revision,omitempty"`
	Nodes    []string          `json:"nodes"`
	Secrets  map[string]string `json:"secrets,omitempty"` // references; HF_TOKEN opens gated models
}

// FetchResult is how it went, node by node in the order of their ids.
type FetchResult struct {
	Nodes []FetchedNode `json:"nodes"`
}

// FetchedNode is one node's part of a fetch.
type FetchedNode struct {
	Node    string       `json:"node"`
	Bytes   int64        `json:"bytes,omitempty"` // of the whole model
	Failure *aim.Failure `json:"failure,omitempty"`
}

// Fetch brings a model's weights to nodes, all at the same time. Each node goes
// on where it was cut off; one that fails keeps none of the others from
// finishing. The workflow closes as failed when a node has failed, with that
// node's class and everybody's outcome in the details.
func Fetch(ctx workflow.Context, in FetchInput) (FetchResult, error) {
	if f := in.refuse(); f != nil {
		return FetchResult{}, failed(f)
	}
	nodes := slices.Compact(slices.Sorted(slices.Values(in.Nodes)))
	running := make([]workflow.Future, len(nodes))
	for i, node := range nodes {
		running[i] = workflow.ExecuteActivity(onFetching(ctx, in.Model, node), activities.FetchModel,
			activities.FetchRequest{Model: in.Model, Revision: in.Revision, Secrets: in.Secrets})
	}
	var result FetchResult
	for i, node := range nodes {
		var step activities.StepResult
		f := failureOf(running[i].Get(ctx, &step), node)
		result.Nodes = append(result.Nodes, FetchedNode{Node: node, Bytes: step.Bytes, Failure: f})
	}
	return result, result.failed(in.Model)
}

// onFetching is one node's activity; its id is the node's, so that whoever looks
// at the workflow sees whose bytes are counted.
func onFetching(ctx workflow.Context, model, node string) workflow.Context {
	ctx = on(ctx, activities.FetchModel, activities.NodeQueue(node), fmt.Sprintf("fetch %s on %s", model, node))
	opts := workflow.GetActivityOptions(ctx)
	opts.ActivityID = node
	return workflow.WithActivityOptions(ctx, opts)
}

// refuse tells what is wrong with the input itself.
func (in FetchInput) refuse() *aim.Failure {
	if err := (aim.DeploymentSpec{Model: in.Model, Revision: in.Revision, Secrets: in.Secrets}).Validate(); err != nil {
		return aim.FailureOf(err)
	}
	if len(in.Nodes) == 0 {
		return aim.Failf(aim.ClassInput, "field \"nodes\" is missing; name the nodes that are to have %s", in.Model)
	}
	return nil
}

// failed is the error with which a fetch closes that has failed on a node.
func (r FetchResult) failed(model string) error {
	for _, n := range r.Nodes {
		if n.Failure != nil {
			f := *n.Failure
			f.Why = fmt.Sprintf("fetch %s on %s: %s", model, n.Node, n.Failure.Error())
			return temporal.NewApplicationErrorWithOptions(f.Text(), string(f.Class),
				temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{f, r}})
		}
	}
	return nil
}
