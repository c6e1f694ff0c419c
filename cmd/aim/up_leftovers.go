package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim/internal/display"
)

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
