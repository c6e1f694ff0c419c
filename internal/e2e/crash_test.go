package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: whichever process dies at whichever step of a deployment, the
// deployment gets ready, with one server and exactly its GPUs; and stopping it
// leaves nothing.
func TestKillAtEveryStep(t *testing.T) {
	for _, process := range []string{"node", stack.Control, stack.Devserver} {
		for _, step := range []string{
			activities.Place, activities.Claim, activities.PullImage, activities.FetchModel,
			activities.Start, activities.AwaitReady, activities.Watch,
		} {
			t.Run(process+"/"+step, func(t *testing.T) { killAt(t, process, step) })
		}
	}
}

func killAt(t *testing.T, process, step string) {
	ctx, s := scenario(t, 2*time.Minute)
	name := label("kill", process, step)
	wish := named(name, "ready=200ms")
	// The node that dies is known before anything is placed.
	wish.Selector = map[string]string{"node": "n1"}
	apply(t, ctx, s, wish)
	must(t, awaitStep(ctx, s, name, step, 1))
	victim := process
	if process == "node" {
		victim = stack.NodeProcess("n1")
	}
	must(t, s.Kill(ctx, victim))
	status := awaitReady(t, ctx, s, name)
	checkServes(t, s, status)
	must(t, stack.Stop(ctx, s.Temporal(), name))
	checkGone(t, s, name)
}

// Obligation: the same for the steps of the end: after a crash in the middle of
// a stop, nothing is left.
func TestKillWhileStopping(t *testing.T) {
	for _, process := range []string{"node", stack.Control, stack.Devserver} {
		for _, step := range []string{activities.Stop, activities.Release} {
			t.Run(process+"/"+step, func(t *testing.T) {
				ctx, s := scenario(t, 2*time.Minute)
				name := label("end", process, step)
				wish := named(name, "stop=300ms")
				wish.Selector = map[string]string{"node": "n1"}
				apply(t, ctx, s, wish)
				awaitReady(t, ctx, s, name)
				stopped := make(chan error, 1)
				go func() { stopped <- stopTwice(ctx, s, name) }()
				must(t, awaitStep(ctx, s, name, step, 1))
				victim := process
				if process == "node" {
					victim = stack.NodeProcess("n1")
				}
				must(t, s.Kill(ctx, victim))
				must(t, <-stopped)
				checkGone(t, s, name)
			})
		}
	}
}

// Obligation: a server that dies while its agent is away is missed as soon as the
// agent is back, and not when the heartbeat of the step runs out (20 s).
func TestADeathWhileTheAgentIsAwayIsSeenAtOnce(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	name := "unseen"
	apply(t, ctx, s, named(name, ""))
	status := awaitReady(t, ctx, s, name)
	agent, err := s.Find(stack.NodeProcess(node(status)))
	must(t, err)
	server := serversOf(t, s, name)[0]
	killed := time.Now()
	must(t, syscall.Kill(agent.PID, syscall.SIGKILL))
	must(t, syscall.Kill(server.PID, syscall.SIGKILL))
	must(t, stack.Eventually(ctx, func() (bool, error) {
		now, err := s.Status(ctx, name)
		done := err == nil && now.Phase == aim.Ready && len(now.Replicas) == 1 && !sameServers(status, now)
		if done {
			status = now
		}
		return done, nil
	}))
	if took := time.Since(killed); took > 15*time.Second {
		t.Errorf("ready again after %v", took)
	}
	checkServes(t, s, status)
}

// Obligation: a model serves on while everything around it is killed, one after
// the other, and is the same process afterwards.
func TestTheServerOutlivesEverything(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	name := "outlives"
	apply(t, ctx, s, named(name, ""))
	status := awaitReady(t, ctx, s, name)
	before := serversOf(t, s, name)
	for _, victim := range []string{stack.NodeProcess(node(status)), stack.Control, stack.Devserver} {
		must(t, s.Kill(ctx, victim))
		if now := serversOf(t, s, name); len(now) != 1 || now[0].PID != before[0].PID {
			t.Fatalf("after killing %s: servers %v, before %v", victim, now, before)
		}
	}
	status = awaitReady(t, ctx, s, name)
	checkServes(t, s, status)
	if r := status.Replicas[0]; r.Attempt != 1 || strings.TrimSpace(r.Endpoint) == "" {
		t.Errorf("it should still be the first attempt: %+v", r)
	}
}
