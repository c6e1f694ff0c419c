package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/config"
)

// stackLock is held by the one `aim up` of a folder for as long as it lives: the
// kernel takes it away from a process that dies, so there is no stale one.
type stackLock struct{ file *os.File }

func lockFile(dir string) string { return filepath.Join(dir, "up.lock") }

// lockStack takes the lock, or says who has it.
func lockStack(dir string) (stackLock, error) {
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o700); err != nil {
		return stackLock{}, cli.Next(cli.Failed("make the state folder: %w", err), "aim up --dir DIR")
	}
	file, err := os.OpenFile(lockFile(dir), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return stackLock{}, cli.Failed("lock the state folder: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return stackLock{file}, nil
	}
	file.Close()
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return stackLock{}, cli.Failed("lock the state folder %s: %w", dir, err)
	}
	who := ""
	if s, err := config.ReadStack(dir); err == nil && s.PID != 0 {
		who = fmt.Sprintf(" (pid %d)", s.PID)
	}
	return stackLock{}, cli.Next(cli.Failed("aim up is running already in %s%s", dir, who), "aim down (to start it in another way), aim node list (to see what it runs)")
}

func (l stackLock) release() { l.file.Close() }

// Runs tells whether an `aim up` holds the folder.
func Runs(dir string) bool {
	file, err := os.OpenFile(lockFile(dir), os.O_RDWR, 0)
	if err != nil {
		return false // never started here
	}
	defer file.Close()
	return errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// awaitStackEnd returns when no `aim up` holds the folder.
func awaitStackEnd(ctx context.Context, dir string) error {
	for Runs(dir) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// startTicks is when a process started, in clock ticks since boot: a pid that
// was given to another process has another one.
func startTicks(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("look up process %d: %w", pid, err)
	}
	// The second field is the program's name in parentheses, with anything in it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const startTime = 22 - 3 // of proc(5), counted from the third field
	if len(fields) <= startTime {
		return 0, fmt.Errorf("look up process %d: its stat has only %d fields", pid, len(fields))
	}
	return strconv.ParseUint(string(fields[startTime]), 10, 64)
}
