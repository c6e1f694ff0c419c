package up

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

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

// leftoverWithin is how long simulated servers may take to end: each has its
// own grace, and they end side by side.
const leftoverWithin = 20 * time.Second

// endStrays ends simulated servers of nodes that are not run any more. Those of
// the nodes that are run have survived a killed `aim up`; their agents find them.
func (s *stack) endStrays(ctx context.Context) error {
	entries, err := os.ReadDir(simulatedDir(s.app.Settings.Dir))
	if err != nil {
		return cli.Failed("look for simulated nodes: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, leftoverWithin)
	defer cancel()
	for _, e := range entries {
		if slices.ContainsFunc(s.nodes, func(n simulatedNode) bool { return n.id == e.Name() }) {
			continue
		}
		if err := endLeftovers(ctx, filepath.Join(simulatedDir(s.app.Settings.Dir), e.Name())); err != nil {
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

// isShimBelow looks for "shim FOLDER" with the folder below dir.
func isShimBelow(pid int, dir string) bool {
	args := argsOf(pid)
	i := slices.Index(args, "shim")
	return i > 0 && i+1 < len(args) && strings.HasPrefix(args[i+1], dir+string(filepath.Separator))
}

// argsOf is the command line of a process, nil when there is none.
func argsOf(pid int) []string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(line) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
}

// How long the parts of a killed `aim up` are waited for. The kernel has sent
// them a SIGTERM, to all at once, so some wait for others that are gone. The
// second signal, after patience, means "at once" to them; all they keep is safe.
const (
	orphanPatience = 3 * time.Second
	orphanWithin   = 20 * time.Second
)

// endOrphans waits until what a killed `aim up` of this folder has left behind
// is gone: its successor uses the same files and ports.
func endOrphans(ctx context.Context, dir string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, orphanWithin)
	defer cancel()
	again := time.After(patience)
	for {
		left := orphans(dir)
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end what an earlier aim up has left behind in %s: process %d is still there", dir, left[0].Pid)
		case <-again:
			for _, p := range left {
				_ = p.Signal(syscall.SIGTERM) // one that has ended needs none
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// orphans finds the processes of the pid files that still are what they were: a
// part of the stack of this folder.
func orphans(dir string) []*os.Process {
	files, err := filepath.Glob(filepath.Join(dir, "run", "*.pid"))
	if err != nil {
		return nil
	}
	var found []*os.Process
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			continue
		}
		p, err := os.FindProcess(pid) // before the look at what it is
		if err == nil && slices.ContainsFunc(argsOf(pid), func(arg string) bool {
			return arg == dir || strings.HasPrefix(arg, dir+string(filepath.Separator))
		}) {
			found = append(found, p)
		}
	}
	return found
}
