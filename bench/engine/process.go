package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim/internal/e2e/stack"
)

// benchHelp takes the least of twenty runs of the command line's help.
func benchHelp(ctx context.Context, b *bench) error {
	best := time.Hour
	for range 20 {
		began := time.Now()
		if err := exec.CommandContext(ctx, filepath.Join(b.bin, "aim"), "--help").Run(); err != nil {
			return err
		}
		best = min(best, time.Since(began))
	}
	tell("cli_help_ms", ms(best), "ms", 50)
	return nil
}

// idleFor lets the runtime give memory back before it is counted.
const idleFor = 20 * time.Second

// benchMemory counts what an idle agent with eight GPUs and an idle control
// process keep in memory.
func benchMemory(ctx context.Context, b *bench) error {
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "memory"), Simulate: "1x8"})
	if err != nil {
		return err
	}
	defer s.Down(ctx)
	time.Sleep(idleFor)
	for _, f := range []struct {
		name, process string
		against       float64
	}{{"node_rss_mib", stack.NodeProcess("n1"), 40}, {"control_rss_mib", stack.Control, 80}} {
		p, err := s.Find(f.process)
		if err != nil {
			return err
		}
		mib, err := rss(p.PID)
		if err != nil {
			return err
		}
		tell(f.name, mib, "MiB", f.against)
	}
	return nil
}

// rss is the resident memory of a process in MiB.
func rss(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d shows no VmRSS", pid)
}
