package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// ofSize wants a small model on so many GPUs.
func ofSize(name string, gpus, priority int) aim.DeploymentSpec {
	s := named(name, "")
	s.GPUs, s.Priority = gpus, priority
	return s
}

// Obligation: where it is allowed, a replica is moved so that a larger request
// fits, and serves all along; one of lower priority is stopped for an urgent
// request, and comes back when there is room.
func TestRoomIsMadeForThoseWhoWait(t *testing.T) {
	if shared == nil {
		t.Skip("scenarios are skipped with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := ownStack(t, ctx, "2x2", "AIM_CONTROL_RELIEF=preempt")

	// Fill three GPUs so that one of each node stays free when the second leaves.
	for _, name := range []string{"one", "gap", "two"} {
		apply(t, ctx, s, ofSize(name, 1, 0))
		awaitReady(t, ctx, s, name)
	}
	leaves := "two"
	if node(statusOf(t, ctx, s, "one")) == node(statusOf(t, ctx, s, "gap")) {
		leaves = "gap"
	}
	must(t, stack.Stop(ctx, s.Temporal(), leaves))
	checkGone(t, s, leaves)

	apply(t, ctx, s, ofSize("large", 2, 0))
	awaitReady(t, ctx, s, "large")
	checkDisjoint(t, s)
	claims, err := s.Claims()
	must(t, err)
	if len(claims) != 3 {
		t.Fatalf("claims after room was made: %+v", claims)
	}

	apply(t, ctx, s, ofSize("urgent", 2, 50))
	awaitReady(t, ctx, s, "urgent")
	stopped, err := s.AwaitStatus(ctx, "large", func(st aim.Status) bool { return st.Replicas[0].Phase == aim.Placing && st.Replicas[0].Reason != "" })
	must(t, err)
	if !strings.Contains(stopped.Reason, "no node fits") {
		t.Errorf("the evicted one waits because %q", stopped.Reason)
	}
	must(t, stack.Stop(ctx, s.Temporal(), "urgent"))
	awaitReady(t, ctx, s, "large")
	checkDisjoint(t, s)
}

func statusOf(t *testing.T, ctx context.Context, s *stack.Stack, name string) aim.Status {
	t.Helper()
	status, err := s.Status(ctx, name)
	must(t, err)
	return status
}
