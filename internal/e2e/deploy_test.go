package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

var startLine = regexp.MustCompile(`temporal workflow start --type (\S+) --task-queue (\S+) --workflow-id (\S+) --input '([^']+)'`)

// Obligation: what the README tells a person to type into the plain `temporal`
// command starts a deployment, without any client code of ours.
func TestTheReadmesTemporalLineDeploys(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	must(t, err)
	m := startLine.FindStringSubmatch(strings.ReplaceAll(string(readme), "\\\n", " "))
	if m == nil {
		m = startLine.FindStringSubmatch(regexp.MustCompile(`\\\n\s*`).ReplaceAllString(string(readme), ""))
	}
	if m == nil {
		t.Fatal("README.md has no `temporal workflow start` line")
	}
	kind, queue, id, input := m[1], m[2], m[3], m[4]
	_, err = s.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, kind, json.RawMessage(input))
	must(t, err)
	t.Cleanup(func() { _ = stack.Stop(context.Background(), s.Temporal(), id) })
	status := awaitReady(t, ctx, s, id)
	if status.Name != id || !strings.Contains(input, status.Model) {
		t.Errorf("status %+v", status)
	}
}

// Obligation: a rung that runs out of memory leads to the next, and the status
// tells the whole story.
func TestOutOfMemoryFallsBack(t *testing.T) {
	ctx, s := scenario(t, time.Minute)
	apply(t, ctx, s, named("fallback", "oom@first=1"))
	status := awaitReady(t, ctx, s, "fallback")
	r := status.Replicas[0]
	if len(r.Tries) != 1 || r.Tries[0].Class != aim.ClassOOM || r.Tries[0].Rung != 1 || r.Tries[0].Node == "" || len(r.Tries[0].Lines) == 0 {
		t.Errorf("tries: %+v", r.Tries)
	}
	if r.Rung < 2 || r.Attempt != 2 {
		t.Errorf("serves on rung %d, attempt %d", r.Rung, r.Attempt)
	}
	checkServes(t, s, status)
}

// Obligation: a server that dies is replaced.
func TestADeadServerIsReplaced(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	apply(t, ctx, s, named("dies", "crash=300ms@first=1"))
	status, err := s.AwaitStatus(ctx, "dies", func(st aim.Status) bool {
		return st.Phase == aim.Ready && st.Replicas[0].Attempt > 1
	})
	must(t, err)
	if c := status.Replicas[0].Tries[0].Class; c != aim.ClassExited {
		t.Errorf("class %s", c)
	}
	checkServes(t, s, status)
}

// Obligation: however many ask at once, no GPU is held twice; those that do not
// fit wait, and get their turn when room is made.
func TestRacingForTheLastGPUs(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	const asked, fit = 6, 4 // of 4 GPUs each, on 16
	for i := range asked {
		wish := named(fmt.Sprintf("race-%d", i), "")
		wish.Model, wish.GPUs = "meta-llama/Llama-3.3-70B-Instruct", 4
		wish.Recipe = ""
		apply(t, ctx, s, wish)
	}
	ready := func() (names []string) {
		for i := range asked {
			name := fmt.Sprintf("race-%d", i)
			if st, err := s.Status(ctx, name); err == nil && st.Phase == aim.Ready {
				names = append(names, name)
			}
		}
		return names
	}
	must(t, stack.Eventually(ctx, func() (bool, error) { checkDisjoint(t, s); return len(ready()) >= fit, nil }))
	first := ready()
	if len(first) != fit {
		t.Fatalf("%d ready at once on 16 GPUs: %v", len(first), first)
	}
	for _, name := range first[:2] {
		must(t, stack.Stop(ctx, s.Temporal(), name))
	}
	must(t, stack.Eventually(ctx, func() (bool, error) { checkDisjoint(t, s); return len(ready()) == fit, nil }))
}

// sameServers tells whether a server of before still serves.
func sameServers(before, now aim.Status) bool {
	return slices.ContainsFunc(now.Replicas, func(r aim.ReplicaStatus) bool {
		return slices.ContainsFunc(before.Replicas, func(o aim.ReplicaStatus) bool { return r.Ordinal == o.Ordinal && r.Attempt == o.Attempt })
	})
}

// Obligation: scaling adds and takes away replicas, restarting replaces their
// servers, and the status follows.
func TestScaleAndRestart(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	name := "changes"
	apply(t, ctx, s, named(name, ""))
	awaitReady(t, ctx, s, name)
	if r := s.Aim(ctx, "scale", name, "2"); r.Code != 0 {
		t.Fatalf("aim scale: %d %s", r.Code, r.Err)
	}
	status, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool { return st.Phase == aim.Ready && len(st.Replicas) == 2 })
	must(t, err)
	checkServes(t, s, status)
	before := serversOf(t, s, name)
	if r := s.Aim(ctx, "restart", name); r.Code != 0 {
		t.Fatalf("aim restart: %d %s", r.Code, r.Err)
	}
	status, err = s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		return st.Phase == aim.Ready && len(st.Replicas) == 2 && !sameServers(status, st)
	})
	must(t, err)
	checkServes(t, s, status)
	for _, old := range before {
		for _, now := range serversOf(t, s, name) {
			if now.PID == old.PID {
				t.Errorf("server %d was not replaced", old.PID)
			}
		}
	}
	if r := s.Aim(ctx, "stop", name); r.Code != 0 {
		t.Fatalf("aim stop: %d %s", r.Code, r.Err)
	}
	checkGone(t, s, name)
}

// stopTwice stops a deployment, and asks again while the server is away.
func stopTwice(ctx context.Context, s *stack.Stack, name string) error {
	var err error
	for ctx.Err() == nil {
		if err = stack.Stop(ctx, s.Temporal(), name); err == nil {
			return nil
		}
		if st, statusErr := s.Status(ctx, name); statusErr == nil && st.Phase == aim.Stopped {
			return nil
		}
	}
	return err
}
