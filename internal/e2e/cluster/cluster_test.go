package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

// Obligation: on a cluster, in a namespace of its own, whatever process of an engine
// ends or freezes while deployments are made: every command ends with what is true,
// everything wanted becomes ready, and after stop nothing is left.
func TestFaultsOfEngines(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 14*time.Minute)
	defer cancel()
	e := startEngines(t, ctx)
	s := startStack(t, ctx, e)
	for _, fault := range []struct {
		name     string
		do, mend func()
		lasts    time.Duration
	}{
		{name: "none", do: func() {}, mend: func() {}},
		{name: "a frontend is killed", do: func() { e.kill(t, "frontend-1") }, mend: func() { e.run(t, "frontend-1") }, lasts: 5 * time.Second},
		{name: "a history is killed", do: func() { e.kill(t, "history-2") }, mend: func() { e.run(t, "history-2") }, lasts: 10 * time.Second},
		{name: "a history freezes", do: func() { e.signal(t, "history-1", syscall.SIGSTOP) }, mend: func() { e.signal(t, "history-1", syscall.SIGCONT) }, lasts: 30 * time.Second},
		{name: "PostgreSQL is stopped at once", do: func() { e.kill(t, "postgres") }, mend: func() { e.run(t, "postgres") }, lasts: 10 * time.Second},
		{name: "a NATS server is killed", do: func() { e.kill(t, "nats-2") }, mend: func() { e.run(t, "nats-2") }, lasts: 5 * time.Second},
		{name: "the NATS servers start again one by one", do: func() {
			for i := range 3 {
				e.kill(t, natsName(i))
				e.run(t, natsName(i))
				listens(t, ctx, natsIP(i)+":4222")
			}
		}, mend: func() {}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			began := time.Now()
			const many = 12
			results := make([]stack.Result, many)
			var commands sync.WaitGroup
			for i := range many {
				commands.Go(func() {
					results[i] = s.Aim(ctx, "deploy", "Qwen/Qwen3-8B", "--name", fmt.Sprintf("d%d", i), "--timeout", "3m")
				})
			}
			fault.do()
			select {
			case <-time.After(fault.lasts): // the fault lasts
			case <-ctx.Done():
			}
			fault.mend()
			commands.Wait()
			t.Logf("all have answered after %s", time.Since(began).Round(100*time.Millisecond))
			names := []string{"stop"}
			for i, r := range results {
				name := fmt.Sprintf("d%d", i)
				names = append(names, name)
				if r.Code != 0 {
					t.Errorf("aim deploy %s ended with %d: %s", name, r.Code, r.Err)
				}
				if status, err := s.AwaitPhase(ctx, name, aim.Ready); err != nil {
					t.Errorf("%s is %s, %s: %v", name, status.Phase, status.Reason, err)
				}
			}
			if servers, err := s.Servers(); err != nil || len(servers) != many {
				t.Errorf("%d servers for %d deployments, %v", len(servers), many, err)
			}
			if r := s.Aim(ctx, names...); r.Code != 0 {
				t.Errorf("aim stop ended with %d: %s", r.Code, r.Err)
			}
			must(t, stack.Eventually(ctx, func() (bool, error) {
				servers, err := s.Servers()
				claims, err2 := s.Claims()
				return len(servers) == 0 && len(claims) == 0, firstOf(err, err2)
			}))
		})
		if t.Failed() {
			return
		}
	}
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// startStack runs aim setup twice, and aim up over the engines.
func startStack(t *testing.T, ctx context.Context, e *engines) *stack.Stack {
	t.Helper()
	bin, err := filepath.Abs("../../../bin")
	must(t, err)
	dir := filepath.Join(e.dir, "aim")
	for range 2 {
		must(t, stack.Run(ctx, stack.Options{Bin: bin, Dir: dir, Env: e.addresses()}, "setup", "--timeout", "2m").Error())
	}
	s, err := stack.Up(ctx, stack.Options{Bin: bin, Dir: dir, Simulate: "2x8", Env: e.addresses()})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if t.Failed() {
			t.Log(s.Logs())
		}
		_ = s.Down(ctx)
	})
	return s
}
