package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/procfs"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/filelock"
)

// lockFile is held by the one `aim up` of a folder for as long as it lives: the
// kernel takes the lock from a process that dies, so there is no stale one.
func lockFile(dir string) filelock.File { return filelock.At(filepath.Join(dir, "up.lock")) }

// errRunning means that an `aim up` has the folder already.
var errRunning = errors.New("aim up is running already")

// lockStack takes the lock, or says who has it (errRunning).
func lockStack(dir string) (*filelock.Lock, error) {
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o700); err != nil {
		return nil, cli.Next(cli.Failed("make the state folder: %w", err), "aim up --dir DIR")
	}
	lock, err := lockFile(dir).Try()
	if err == nil {
		return lock, nil
	}
	if !errors.Is(err, filelock.ErrHeld) {
		return nil, cli.Failed("lock the state folder %s: %w", dir, err)
	}
	who := ""
	if s, err := config.ReadStack(dir); err == nil && s.PID != 0 {
		who = fmt.Sprintf(" (pid %d)", s.PID)
	}
	return nil, cli.Next(cli.Failed("%w in %s%s", errRunning, dir, who), "aim down")
}

// Runs tells whether an `aim up` holds the folder. It only asks: one that is just
// starting is not in its way.
func Runs(dir string) (bool, error) {
	_, held, err := lockFile(dir).Holder()
	if err != nil {
		return false, cli.Failed("look at the state folder %s: %w", dir, err)
	}
	return held, nil
}

// awaitStackEnd returns when no `aim up` holds the folder.
func awaitStackEnd(ctx context.Context, dir string) error {
	for {
		if runs, err := Runs(dir); err != nil || !runs {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// startTicks is when a process started, in clock ticks since boot: a pid that
// was given to another process has another one.
func startTicks(pid int) (uint64, error) {
	stat, err := statOf(pid)
	return stat.Starttime, err
}

func statOf(pid int) (procfs.ProcStat, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return procfs.ProcStat{}, fmt.Errorf("look up process %d: %w", pid, err)
	}
	return p.Stat()
}
