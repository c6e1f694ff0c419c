package up

import (
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

	"github.com/prometheus/procfs"

	"github.com/aim-engine/aim"
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

// leftoverPatience is how long a simulated server may take to end when asked,
// before it is killed: as long as its shim would give it.
const leftoverPatience = 12 * time.Second

// endLeftovers ends the simulated servers below a folder. The shims that lead
// them pass the SIGTERM on and go when all is gone; a server whose shim was
// killed is asked itself.
func endLeftovers(ctx context.Context, dir string) error {
	kill := time.After(leftoverPatience)
	for asked := map[int]bool{}; ; {
		left := serversBelow(dir)
		if len(left) == 0 {
			return nil
		}
		for _, s := range left {
			if !asked[s.Pid] && !s.led {
				asked[s.Pid] = true
				_ = s.Signal(syscall.SIGTERM) // one that has ended needs none
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end simulated servers below %s: %s still there", dir, display.Count(len(left), "is", "are"))
		case <-kill:
			for _, s := range left {
				_ = s.Signal(syscall.SIGKILL)
			}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// leftover is a shim, or a simulated server. The handle stays with its process
// even if the pid is given to another.
type leftover struct {
	*os.Process
	led bool // a server whose shim lives: the shim ends it
}

// serversBelow finds the shims whose server folder lies below dir, and the
// simulated servers whose tree does.
func serversBelow(dir string) []leftover {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	var found []leftover
	shims := map[int]bool{}
	for _, entry := range all {
		pid := entry.PID
		if pid == os.Getpid() {
			continue
		}
		p, err := os.FindProcess(pid) // before the look at what it is
		if err != nil {
			continue
		}
		shim := isShimBelow(pid, dir)
		shims[pid] = shim
		if shim || isServerBelow(pid, dir) {
			found = append(found, leftover{Process: p})
		}
	}
	for i, l := range found {
		stat, _ := statOf(l.Pid) // of one that has ended, nobody's child
		found[i].led = !shims[l.Pid] && shims[stat.PPID]
	}
	return found
}

// isShimBelow looks for "shim FOLDER" with the folder below dir.
func isShimBelow(pid int, dir string) bool {
	args := argsOf(pid)
	i := slices.Index(args, "shim")
	return i > 0 && i+1 < len(args) && below(args[i+1], dir)
}

// isServerBelow looks for "simulate BACKEND --root TREE" with the tree below dir.
func isServerBelow(pid int, dir string) bool {
	args := argsOf(pid)
	i := slices.Index(args, "simulate")
	return i > 0 && i+3 < len(args) && slices.Contains(aim.Backends(), args[i+1]) && args[i+2] == "--root" && below(args[i+3], dir)
}

func below(path, dir string) bool { return strings.HasPrefix(path, dir+string(filepath.Separator)) }

// argsOf is the command line of a process, nil when there is none.
func argsOf(pid int) []string {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	args, _ := p.CmdLine()
	return args
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
				// One that has ended needs none; one of another user takes none.
				if err := p.Signal(syscall.SIGTERM); errors.Is(err, os.ErrPermission) {
					return cli.Failed("end what an earlier aim up has left behind in %s: process %d: %w", dir, p.Pid, err)
				}
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
