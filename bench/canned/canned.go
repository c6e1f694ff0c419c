// Package canned answers every activity of a deployment at once, on the same
// queues as the real ones. With it the Deployment and Replica workflows run on
// a real Temporal server at the engine's own floor: what remains of the time
// from Apply to Ready is Temporal and the workflows.
package canned

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/workflows"
)

// Run serves control's and the nodes' queues until ctx ends.
func Run(ctx context.Context, t client.Client, nodes ...string) error {
	control := worker.New(t, activities.ControlQueue, worker.Options{})
	workflows.Register(control)
	register(control, map[string]any{
		activities.SelectRecipes: selectRecipes,
		activities.Place:         placer(nodes),
	})
	if err := control.Start(); err != nil {
		return err
	}
	defer control.Stop()
	for _, n := range nodes {
		w := worker.New(t, activities.NodeQueue(n), worker.Options{DisableWorkflowWorker: true})
		register(w, map[string]any{
			activities.Claim: claim, activities.PullImage: step[activities.PullRequest],
			activities.FetchModel: step[activities.FetchRequest], activities.Start: start,
			activities.AwaitReady: ready, activities.Watch: watch,
			activities.Stop: stop, activities.Release: step[activities.ReleaseRequest],
		})
		if err := w.Start(); err != nil {
			return err
		}
		defer w.Stop()
	}
	<-ctx.Done()
	return nil
}

func register(w worker.Worker, all map[string]any) {
	for name, fn := range all {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

func selectRecipes(_ context.Context, req activities.SelectRequest) (activities.SelectResult, error) {
	return activities.SelectResult{Ladder: aim.Ladder{Rungs: []aim.Rung{{
		Number: 1, Recipe: "canned", Model: req.Spec.Model, ServedName: req.Spec.Model,
		Backend: "vllm", Image: "canned", GPUType: "MI300X", GPUs: 1, Nodes: 1, Precision: "bf16",
	}}}}, nil
}

// placer spreads requests over the nodes by the sum of their names' bytes.
func placer(nodes []string) func(context.Context, activities.PlaceRequest) (activities.PlaceResult, error) {
	return func(_ context.Context, req activities.PlaceRequest) (activities.PlaceResult, error) {
		sum := req.Ordinal
		for _, b := range []byte(req.Deployment) {
			sum += int(b)
		}
		node := nodes[sum%len(nodes)]
		return activities.PlaceResult{Decision: aim.Decision{Outcome: aim.Place, Placement: &aim.Placement{
			Ranks: []aim.Rank{{Node: node, GPUs: []string{"GPU-0000000000000001"}}}, Why: "canned",
		}}}, nil
	}
}

func claim(_ context.Context, req activities.ClaimRequest) (activities.ClaimResult, error) {
	return activities.ClaimResult{Claim: aim.Claim{Identity: req.Identity, GPUs: req.GPUs, Port: 8000}}, nil
}

func step[R any](context.Context, R) (activities.StepResult, error) {
	return activities.StepResult{}, nil
}

func start(context.Context, activities.StartRequest) (activities.StartResult, error) {
	return activities.StartResult{URL: "http://127.0.0.1:8000", Runtime: "canned"}, nil
}

func ready(_ context.Context, req activities.ReadyRequest) (activities.ReadyResult, error) {
	return activities.ReadyResult{Endpoint: aim.Endpoint{
		Identity: req.Identity, URL: "http://127.0.0.1:8000", Model: req.Rung.ServedName, Healthy: true}}, nil
}

func stop(context.Context, activities.StopRequest) (activities.StopResult, error) {
	return activities.StopResult{}, nil
}

// watch lasts until it is cancelled, as a real one does while all is well.
func watch(ctx context.Context, req activities.WatchRequest) error {
	activity.RecordHeartbeat(ctx)
	<-ctx.Done()
	return fmt.Errorf("watch of %s: %w", req.ReplicaName(), ctx.Err())
}
