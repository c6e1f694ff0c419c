package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// kept lists the nodes that keep a model, as the command line tells it.
func kept(t *testing.T, r stack.Result, model string) (nodes []string) {
	t.Helper()
	var all []struct {
		Model, Node string
		Bytes       uint64
	}
	if err := json.Unmarshal([]byte(r.Out), &all); err != nil {
		t.Fatalf("%v in %q %s", err, r.Out, r.Err)
	}
	for _, k := range all {
		if k.Model == model && k.Bytes > 0 {
			nodes = append(nodes, k.Node)
		}
	}
	return nodes
}

// Obligation: weights are fetched to a node ahead of a deployment, stay while a
// server reads them, and go when nobody does.
func TestModelsAreFetchedAndRemoved(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	const model = "simulated/prefetched"
	if r := s.Aim(ctx, "model", "fetch", model, "--node", "n1"); r.Code != 0 || !strings.Contains(r.Out, model+" is on n1") {
		t.Fatalf("aim model fetch: %d %s%s", r.Code, r.Out, r.Err)
	}
	must(t, stack.Eventually(ctx, func() (bool, error) { // the inventory is a moment behind
		nodes := kept(t, s.Aim(ctx, "model", "list", "-o", "json"), model)
		return len(nodes) == 1 && nodes[0] == "n1", nil
	}))
	if r := s.Aim(ctx, "model", "fetch", model); r.Code != 0 || !strings.Contains(r.Out, "on n2") {
		t.Errorf("to all nodes: %d %s%s", r.Code, r.Out, r.Err)
	}
	if r := s.Aim(ctx, "model", "remove", model, "--node", "n1", "--node", "n2"); r.Code != 0 {
		t.Errorf("aim model remove: %d %s", r.Code, r.Err)
	}
	must(t, stack.Eventually(ctx, func() (bool, error) {
		return len(kept(t, s.Aim(ctx, "model", "list", "-o", "json"), model)) == 0, nil
	}))

	wish := named("reads", "")
	apply(t, ctx, s, wish)
	at := node(awaitReady(t, ctx, s, wish.Name))
	r := s.Aim(ctx, "model", "remove", small, "--node", at)
	if r.Code == 0 || !strings.Contains(r.Err, "in use by reads/0") || !strings.Contains(r.Err, "aim stop reads") {
		t.Errorf("removed under a server: %d %s", r.Code, r.Err)
	}
}

// Obligation: a gated model is refused before anything is claimed for it, with
// what to do.
func TestAGatedModelIsRefusedFirst(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	const model = "gated/secret"
	if r := s.Aim(ctx, "model", "fetch", model, "--node", "n1"); r.Code == 0 || !strings.Contains(r.Err, "is gated") || !strings.Contains(r.Err, "accept its licence at") {
		t.Errorf("aim model fetch: %d %s", r.Code, r.Err)
	}
	wish := aim.DeploymentSpec{Model: model, Name: "gated"}
	_ = s.Apply(ctx, wish) // whether it is refused at once or at its first step
	status, err := s.AwaitPhase(ctx, wish.Name, aim.Failed)
	must(t, err)
	if !strings.Contains(status.Reason, "gated") {
		t.Errorf("failed as %q", status.Reason)
	}
	for _, r := range status.Replicas {
		if r.Node != "" || len(r.GPUs) > 0 {
			t.Errorf("GPUs were claimed: %+v", r)
		}
	}
}
