package e2e

import (
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: a replica that moves is relieved on another node by one that
// answers; its own GPUs are free afterwards. A move to nowhere changes nothing.
func TestMovedReplicaIsRelievedElsewhere(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	apply(t, ctx, s, named("moved", ""))
	from := node(awaitReady(t, ctx, s, "moved"))
	if r := s.Aim(ctx, "move", "moved", "--off", from, "--why", "it goes into repair"); r.Code != 0 {
		t.Fatalf("aim move ended with %d: %s", r.Code, r.Err)
	}
	status, err := s.Status(ctx, "moved")
	must(t, err)
	if node(status) == from || status.Replicas[0].Ordinal != 1 {
		t.Errorf("after the move from %s: %+v", from, status.Replicas)
	}
	checkServes(t, s, status)
	if claims := claimsOf(t, s, "moved"); len(claims) != 1 || len(serversOf(t, s, "moved")) != 1 {
		t.Errorf("claims after the move: %+v", claims)
	}
	if r := s.Aim(ctx, "move", "moved", "--replica", "1", "--off", from); r.Code != 1 {
		t.Errorf("a move off a node where it is not ended with %d: %s", r.Code, r.Err)
	}
	must(t, stack.Stop(ctx, s.Temporal(), "moved"))
	checkGone(t, s, "moved")
}
