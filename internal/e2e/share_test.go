package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

const gib = 1 << 30

// inShare wants a small model in a share of one GPU.
func inShare(name string, share aim.Bytes) aim.DeploymentSpec {
	s := named(name, "")
	s.GPUMemory = share
	return s
}

// Two deployments share the memory of the only GPU: both serve, each within its
// share. A third has no room, is told why, and takes the place of the first that
// leaves.
func TestTwoDeploymentsShareAGPU(t *testing.T) {
	if shared == nil {
		t.Skip("scenarios are skipped with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s := ownStack(t, ctx, "1x1", "AIM_NODE_SHARES=true")

	apply(t, ctx, s, inShare("first", 60*gib))
	apply(t, ctx, s, inShare("second", 100*gib))
	first, second := awaitReady(t, ctx, s, "first"), awaitReady(t, ctx, s, "second")
	if first.Replicas[0].GPUs[0] != second.Replicas[0].GPUs[0] {
		t.Errorf("they are on GPUs %v and %v", first.Replicas[0].GPUs, second.Replicas[0].GPUs)
	}
	shares := map[string]uint64{}
	claims, err := s.Claims()
	must(t, err)
	for _, c := range claims {
		shares[c.Deployment] = c.ShareBytes
	}
	if len(claims) != 2 || shares["first"] != 60*gib || shares["second"] != 100*gib {
		t.Errorf("claims %+v", claims)
	}

	if shown := s.Aim(ctx, "node", "show", "n1"); !strings.Contains(shown.Out, "first/0 second/0") {
		t.Errorf("aim node show does not name both holders: %s", shown.Out)
	}

	apply(t, ctx, s, inShare("third", 40*gib))
	waiting, err := s.AwaitStatus(ctx, "third", func(st aim.Status) bool {
		return len(st.Replicas) == 1 && st.Replicas[0].Phase == aim.Placing && st.Replicas[0].Reason != ""
	})
	must(t, err)
	if why := waiting.Replicas[0].Reason; !strings.Contains(why, "40") {
		t.Errorf("it waits because %q, which does not say for how much", why)
	}
	awaitSays(t, ctx, s, "1 of 1 in the queue", "status", "third") // the reason of now, not of when it began
	must(t, stack.Stop(ctx, s.Temporal(), "first"))
	awaitReady(t, ctx, s, "third")
	awaitReady(t, ctx, s, "second")
	if n := len(serversOf(t, s, "first")); n != 0 {
		t.Errorf("%d servers of the first are left", n)
	}
}

// ownStack is a stack of the test's own, gone with it.
func ownStack(t *testing.T, ctx context.Context, simulate string, env ...string) *stack.Stack {
	t.Helper()
	s, err := stack.Up(ctx, stack.Options{Bin: bin(), Dir: filepath.Join(t.TempDir(), "stack"), Simulate: simulate, Env: env})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Down(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}
