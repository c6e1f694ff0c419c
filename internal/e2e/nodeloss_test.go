package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: a node whose agent and servers are gone is replaced within seconds,
// and when it comes back there is one owner.
func TestALostNodeIsReplacedAndComesBackWithoutASecondOwner(t *testing.T) {
	ctx, s := scenario(t, 3*time.Minute)
	name := "lost"
	apply(t, ctx, s, named(name, ""))
	before := awaitReady(t, ctx, s, name)
	from := node(before)
	agent, err := s.Find(stack.NodeProcess(from))
	must(t, err)
	must(t, syscall.Kill(agent.PID, syscall.SIGSTOP))
	resumed := false
	resume := func() {
		if !resumed {
			resumed = true
			must(t, syscall.Kill(agent.PID, syscall.SIGCONT))
		}
	}
	defer resume()
	for _, p := range serversOf(t, s, name) {
		must(t, syscall.Kill(p.PID, syscall.SIGKILL))
	}
	gone := time.Now()
	after, err := s.AwaitStatus(ctx, name, func(st aim.Status) bool {
		for _, r := range st.Replicas {
			if r.Phase == aim.Ready && r.Node != from {
				return true
			}
		}
		return false
	})
	must(t, err)
	took := time.Since(gone)
	t.Logf("ready on another node %s after the loss", took.Round(100*time.Millisecond))
	if took > 30*time.Second {
		t.Errorf("replaced after %s: %+v", took, after)
	}
	resume()
	// The node finds the claim that nobody owns any more, and lets it go.
	must(t, stack.Eventually(ctx, func() (bool, error) {
		st, err := s.Status(ctx, name)
		return err == nil && st.Phase == aim.Ready && len(st.Replicas) == 1 && len(claimsOf(t, s, name)) == 1 && len(serversOf(t, s, name)) == 1, nil
	}))
	st, err := s.Status(ctx, name)
	must(t, err)
	checkServes(t, s, st)
}
