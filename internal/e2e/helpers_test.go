package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
	"github.com/aim-engine/aim/workflows"
)

// small needs one GPU.
const small = "meta-llama/Llama-3.1-8B-Instruct"

// scenario prepares a test on the shared stack.
func scenario(t *testing.T, limit time.Duration) (context.Context, *stack.Stack) {
	t.Helper()
	if shared == nil {
		t.Skip("scenarios are skipped with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx, shared
}

// spec wants one small model under this name; simulate tells the stand-in how
// to behave.
func spec(name, simulate string) aim.DeploymentSpec {
	return aim.DeploymentSpec{Model: small, Name: name, Env: map[string]string{"AIM_SIMULATE": simulate}}
}

// apply wants the deployment, and ends it when the test does.
func apply(t *testing.T, ctx context.Context, s *stack.Stack, spec aim.DeploymentSpec) {
	t.Helper()
	if err := s.Apply(ctx, spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = stack.Stop(ctx, s.Temporal(), spec.Name) // it may have been stopped by the test
	})
}

func awaitReady(t *testing.T, ctx context.Context, s *stack.Stack, name string) aim.Status {
	t.Helper()
	status, err := s.AwaitPhase(ctx, name, aim.Ready)
	if err != nil {
		t.Fatalf("%v%s", err, s.Logs())
	}
	return status
}

// checkServes asserts that each replica of the deployment has exactly one
// server, and that the ledgers hold exactly the GPUs it says it has.
func checkServes(t *testing.T, s *stack.Stack, status aim.Status) {
	t.Helper()
	claims := claimsOf(t, s, status.Name)
	if len(claims) != len(status.Replicas) {
		t.Errorf("%s: %d claims for %d replicas: %+v", status.Name, len(claims), len(status.Replicas), claims)
	}
	if n := len(serversOf(t, s, status.Name)); n != len(status.Replicas) {
		t.Errorf("%s: %d servers for %d replicas", status.Name, n, len(status.Replicas))
	}
	for _, r := range status.Replicas {
		if !slices.ContainsFunc(claims, func(c aim.Claim) bool { return c.Ordinal == r.Ordinal && slices.Equal(c.GPUs, r.GPUs) }) {
			t.Errorf("%s/%d: says %v, no claim does: %+v", status.Name, r.Ordinal, r.GPUs, claims)
		}
	}
	checkDisjoint(t, s)
}

// checkGone asserts that nothing of the deployment is left.
func checkGone(t *testing.T, s *stack.Stack, name string) {
	t.Helper()
	if claims := claimsOf(t, s, name); len(claims) > 0 {
		t.Errorf("%s: claims left: %+v", name, claims)
	}
	if servers := serversOf(t, s, name); len(servers) > 0 {
		t.Errorf("%s: servers left: %v", name, servers)
	}
}

// checkDisjoint asserts that no GPU is in two claims.
func checkDisjoint(t *testing.T, s *stack.Stack) {
	t.Helper()
	claims, err := s.Claims()
	if err != nil {
		t.Fatal(err)
	}
	holder := map[string]string{}
	for _, c := range claims {
		for _, g := range c.GPUs {
			if other, taken := holder[g]; taken {
				t.Errorf("GPU %s is held by %s and %s", g, other, c.Server())
			}
			holder[g] = c.Server()
		}
	}
}

func claimsOf(t *testing.T, s *stack.Stack, name string) []aim.Claim {
	t.Helper()
	claims, err := s.Claims()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(claims, func(c aim.Claim) bool { return c.Deployment != name })
}

// serversOf finds the model servers by the port of their claim, or by the name
// they serve under. Scenarios give each deployment a served name of its own.
func serversOf(t *testing.T, s *stack.Stack, name string) []stack.Process {
	t.Helper()
	servers, err := s.Servers()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(servers, func(p stack.Process) bool { return !slices.Contains(p.Args, servedName(name)) })
}

func servedName(name string) string { return "served-" + name }

// named is spec with a served name of its own, by which serversOf finds it.
func named(name, simulate string) aim.DeploymentSpec {
	s := spec(name, simulate)
	s.ServedName = servedName(name)
	return s
}

// awaitStep returns when the replica's history shows this activity scheduled
// for the n-th time.
func awaitStep(ctx context.Context, s *stack.Stack, name, activity string, n int) error {
	id := workflows.ReplicaID(name, 0)
	return stack.Eventually(ctx, func() (bool, error) {
		seen := 0
		history := s.Temporal().GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				return false, nil // it has not started yet
			}
			if a := event.GetActivityTaskScheduledEventAttributes(); a.GetActivityType().GetName() == activity {
				seen++
			}
		}
		return seen >= n, nil
	})
}

func label(parts ...string) string {
	return strings.ToLower(strings.Join(parts, "-"))
}

func node(status aim.Status) string {
	if len(status.Replicas) == 0 {
		return ""
	}
	return status.Replicas[0].Node
}

// awaitSays asks the command line until it says so.
func awaitSays(t *testing.T, ctx context.Context, s *stack.Stack, want string, args ...string) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		said := s.Aim(ctx, args...).Out
		if strings.Contains(said, want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("aim %s does not say %q but:\n%s", strings.Join(args, " "), want, said)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("%w", err))
	}
}
