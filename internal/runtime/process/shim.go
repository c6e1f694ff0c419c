package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/aim-engine/aim"
	"golang.org/x/sys/unix"
)

// Shim is the body of "aim shim <folder>": it starts the server that the folder
// describes, stays until the server and all its descendants are gone, and writes
// down how the server ended. A second shim for the same folder does nothing.
// When ctx ends (a SIGTERM to the shim) the server is asked to end too. The
// result is the process's exit code.
func Shim(ctx context.Context, dir string) int {
	f := folder(dir)
	if os.Getenv(gateEnv) != "" {
		return enterGate(f) // before SIGTERM is caught: one that comes now must end what becomes the server
	}
	// Every SIGTERM is passed on, and none ends the shim itself: it has to write
	// down how the server ended.
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM)
	defer stop()
	if err := supervise(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "aim shim:", err)
		return 1
	}
	return 0
}

// supervise leads one server through its life.
func supervise(ctx context.Context, f folder) error {
	if !filepath.IsAbs(string(f)) {
		return fmt.Errorf("folder %q is not an absolute path", string(f))
	}
	lock, err := f.lock()
	if errors.Is(err, errLocked) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", string(f), err)
	}
	defer lock.Close()
	// With the lock held nobody else writes these two. A server that was ever
	// recorded has had its one start.
	if f.has(exitFile) || f.has(serverFile) || f.wasDamaged(exitFile) || f.wasDamaged(serverFile) {
		return nil
	}
	exit, err := run(ctx, f)
	if err != nil {
		exit = aim.Exit{Code: -1, Message: err.Error()}
	}
	// Written before the descendants are gone: whoever waits should know at once.
	err = errors.Join(err, f.write(exitFile, ending{Exit: exit, At: time.Now()}))
	return errors.Join(err, sweep())
}

// run starts the server and waits for it.
func run(ctx context.Context, f folder) (aim.Exit, error) {
	if err := adopt(); err != nil {
		return aim.Exit{}, err
	}
	gate, err := openGate(f)
	if err != nil {
		return aim.Exit{}, fmt.Errorf("start the server: %w", err)
	}
	if err := f.write(serverFile, gate.record); err != nil {
		gate.abandon()
		return aim.Exit{}, fmt.Errorf("record the server: %w", err)
	}
	// Stop writes its mark and then looks for server.json; we do it the other
	// way round. So at least one of us sees the other.
	if f.has(stopFile) {
		gate.abandon()
		return aim.Exit{Code: -1, Message: "it was stopped before it started"}, nil
	}
	kills := oomKills()
	if err := gate.release(); err != nil {
		return aim.Exit{}, fmt.Errorf("start the server: %w", err)
	}
	forward := context.AfterFunc(ctx, func() { unix.Kill(-gate.record.PID, unix.SIGTERM) })
	defer forward()
	stopTrim := f.keepTrimmed()
	defer stopTrim()
	status, err := await(gate.record.PID)
	if err != nil {
		return aim.Exit{}, fmt.Errorf("wait for the server: %w", err)
	}
	return exitOf(status, oomKills() > kills), nil
}

// adopt makes the shim the leader of its session, and the parent of every
// process below it that loses its own: so all of them can be found, and reaped.
func adopt() error {
	if sid, err := unix.Getsid(0); err != nil || sid != os.Getpid() {
		if _, err := unix.Setsid(); err != nil {
			return fmt.Errorf("lead a session: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the reaper of descendants: %w", err)
	}
	return nil
}

// exitOf translates a wait status as shells and Docker do: 128 and the signal.
func exitOf(status unix.WaitStatus, oom bool) aim.Exit {
	if !status.Signaled() {
		return aim.Exit{Code: status.ExitStatus()}
	}
	sig := status.Signal()
	exit := aim.Exit{Code: 128 + int(sig), Message: "killed by " + unix.SignalName(sig)}
	if sig == unix.SIGKILL && oom {
		exit.OOM = true
		exit.Message += " while the kernel was killing processes for want of memory"
	}
	return exit
}
