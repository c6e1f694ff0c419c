package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/display"
)

// wait returns when the stack is to stop: at SIGTERM, or at a Ctrl-C that
// stands. A Ctrl-C while real models serve is asked about first.
func (s *stack) wait(ctx context.Context, interrupts <-chan os.Signal, keep bool) {
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
		serving := s.app.realModels(ctx)
		if len(serving) == 0 {
			return
		}
		text := fmt.Sprintf("%s on this machine: %s. They go on serving, but nobody looks after them until `aim up` runs again.",
			display.Count(len(serving), "real model serves", "real models serve"), strings.Join(serving, ", "))
		if s.app.interactive() {
			if s.app.confirm(text + " Stop aim?") {
				return
			}
			continue
		}
		s.app.hint("%s\nTo stop nevertheless, interrupt again; to end a model, aim stop NAME", text)
		warned = true
	}
}

// realModels names the replicas that serve on real GPUs of this machine.
func (a *app) realModels(ctx context.Context) []string {
	stack, err := config.ReadStack(a.settings.Dir)
	if err != nil || stack.Simulate != "" {
		return nil
	}
	answer, err := a.askFleet(ctx)
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
	dir := s.app.settings.Dir
	if len(s.nodes) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), leftoverWithin)
		defer cancel()
		if err := endLeftovers(ctx, simulatedDir(dir)); err != nil {
			s.app.hint("%v", err)
		}
	}
	s.endReaping()
	s.state.PID, s.state.StartTicks, s.state.Ready = 0, 0, false
	if s.state.TemporalAddress == "" {
		return // it never came so far as to have addresses
	}
	if err := s.state.Write(dir); err != nil {
		s.app.hint("%v", err)
	}
}

// leftoverWithin is how long simulated servers may take to end: each has its
// own grace, and they end side by side.
const leftoverWithin = 20 * time.Second

// endStrays ends simulated servers of nodes that are not run any more. Those of
// the nodes that are run have survived a killed `aim up`; their agents find them.
func (s *stack) endStrays(ctx context.Context) error {
	entries, err := os.ReadDir(simulatedDir(s.app.settings.Dir))
	if err != nil {
		return failed("look for simulated nodes: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, leftoverWithin)
	defer cancel()
	for _, e := range entries {
		if slices.ContainsFunc(s.nodes, func(n simulatedNode) bool { return n.id == e.Name() }) {
			continue
		}
		if err := endLeftovers(ctx, filepath.Join(simulatedDir(s.app.settings.Dir), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// endLeftovers ends the simulated servers below a folder: the shims that lead
// them pass the SIGTERM on and go when all is gone.
func endLeftovers(ctx context.Context, dir string) error {
	for asked := map[int]bool{}; ; {
		shims := shimsBelow(dir)
		if len(shims) == 0 {
			return nil
		}
		for _, p := range shims {
			if !asked[p.Pid] {
				asked[p.Pid] = true
				_ = p.Signal(syscall.SIGTERM) // one that has ended needs none
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end simulated servers below %s: %s still there", dir, display.Count(len(shims), "is", "are"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// shimsBelow finds the shims whose server folder lies below dir. The handles
// stay with their processes even if a pid is given to another.
func shimsBelow(dir string) []*os.Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []*os.Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := os.FindProcess(pid) // before the look at what it is
		if err == nil && isShimBelow(pid, dir) {
			found = append(found, p)
		}
	}
	return found
}

func isShimBelow(pid int, dir string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	i := slices.Index(args, "shim")
	return i > 0 && i+1 < len(args) && strings.HasPrefix(args[i+1], dir+string(filepath.Separator))
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
