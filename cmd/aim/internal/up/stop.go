package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
)

// wait returns when the stack is to stop: at SIGTERM, or at a Ctrl-C that
// stands. A Ctrl-C while real models serve is asked about first.
func (s *stack) wait(ctx context.Context, interrupts <-chan os.Signal, keep bool, serving func(context.Context) []string) {
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-interrupts:
			if sig == syscall.SIGTERM || keep || warned {
				return
			}
		}
		models := serving(ctx)
		if len(models) == 0 {
			return
		}
		text := fmt.Sprintf("%s on this machine: %s. They go on serving, but nobody looks after them until `aim up` runs again.",
			display.Count(len(models), "real model serves", "real models serve"), strings.Join(models, ", "))
		if s.app.Interactive() {
			if s.app.Confirm(text + " Stop aim?") {
				return
			}
			continue
		}
		s.app.Hint("%s\nTo stop nevertheless, interrupt again; to end a model, aim stop NAME", text)
		warned = true
	}
}

// realModels names the replicas that serve on real GPUs of this machine.
func realModels(ctx context.Context, a *cli.App) []string {
	stack, err := config.ReadStack(a.Settings.Dir)
	if err != nil || stack.Simulate != "" {
		return nil
	}
	answer, err := a.AskFleet(ctx)
	if err != nil {
		return nil // whoever cannot be asked cannot be asked about
	}
	var names []string
	for _, own := range stack.Nodes {
		n, _ := answer.Fleet.Find(own.ID)
		for _, e := range n.Endpoints {
			names = append(names, e.ReplicaName())
		}
	}
	return names
}

// stop ends what was started, last first. Simulated servers end with it: a
// stand-in that nobody looks after is of no use to anybody.
func (s *stack) stop() {
	if s.children != nil {
		s.children.Stop()
	}
	dir := s.app.Settings.Dir
	if len(s.nodes) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), leftoverWithin)
		defer cancel()
		if err := endLeftovers(ctx, simulatedDir(dir)); err != nil {
			s.app.Hint("%v", err)
		}
	}
	s.endReaping()
	s.state.PID, s.state.StartTicks, s.state.Ready = 0, 0, false
	if !s.placed {
		return // what was remembered from before is better than what did not answer
	}
	if err := s.state.Write(dir); err != nil {
		s.app.Hint("%v", err)
	}
}

// findStack is the running `aim up` of a folder, checked against a pid that was
// given to another process since.
func findStack(dir string) (*os.Process, error) {
	s, err := config.ReadStack(dir)
	if err != nil {
		return nil, err
	}
	if s.PID == 0 {
		return nil, errors.New("it is only starting, or just stopping")
	}
	p, err := os.FindProcess(s.PID)
	if err != nil {
		return nil, fmt.Errorf("find process %d: %w", s.PID, err)
	}
	if ticks, err := startTicks(s.PID); err != nil || ticks != s.StartTicks {
		return nil, aim.Failf(aim.ClassInternal, "process %d is not the aim up that %s tells of", s.PID, dir)
	}
	return p, nil
}
