package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/container"
	"github.com/aim-engine/aim/internal/pause"
)

// startPoll is how often Start looks whether the shim has come up: a look is a
// few small reads, and a shim needs some 20 ms.
const startPoll = 2 * time.Millisecond

// Start starts the server, or finds it running with the same UID and token.
// However many callers start it, and wherever they are killed, at most one
// server ever runs. A server that has already ended is not started again: that
// is a Failure of class start, with its exit code.
func (r *Runtime) Start(ctx context.Context, launch aim.Launch) (aim.Server, error) {
	f, err := r.folderOf(launch.Identity)
	if err != nil {
		return aim.Server{}, err
	}
	if err := r.occupy(f, launch); err != nil {
		return aim.Server{}, fmt.Errorf("start %s: %w", f.name(), err)
	}
	var mine *spawned
	for {
		s, err := f.look()
		if err != nil {
			return aim.Server{}, fmt.Errorf("start %s: %w", f.name(), err)
		}
		switch s.phase {
		case running:
			return s.server(), nil
		case ended:
			return s.server(), f.endedFailure(*s.exit)
		case created:
			if mine, err = r.advance(f, s.plan, launch.SecretEnv, mine); err != nil {
				return s.server(), err
			}
		}
		if err := pause.For(ctx, startPoll); err != nil {
			return s.server(), fmt.Errorf("start %s: %w", f.name(), err)
		}
	}
}

// occupy makes the folder and puts the launch into it, unless it is there
// already. A folder with another attempt's launch is an error.
func (r *Runtime) occupy(f folder, launch aim.Launch) error {
	p, err := r.planOf(launch)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(f.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	lock.Close()
	if err := f.putPlan(p); !errors.Is(err, fs.ErrExist) {
		return err
	}
	var first plan
	if _, err := f.read(launchFile, &first); err != nil {
		return err
	}
	if !first.Launch.Same(launch.Identity) {
		return aim.Failf(aim.ClassRefused, "the folder of server %s belongs to another attempt (uid %s)", f.name(), first.Launch.UID).
			WithHint("stop and remove that server first")
	}
	return nil
}

// putPlan makes the server's home and writes launch.json, which then owns it.
func (f folder) putPlan(p plan) error {
	if f.has(launchFile) {
		return fs.ErrExist
	}
	err := p.makeHome()
	if err == nil {
		err = f.writeNew(launchFile, p)
	}
	if err != nil {
		return errors.Join(err, p.removeHome())
	}
	return nil
}

// planOf is the backend's program with the launch's arguments, and who runs it.
// No container keeps it from the node's files, so what it is told to open is
// looked at.
func (r *Runtime) planOf(launch aim.Launch) (plan, error) {
	program := r.commands[launch.Backend]
	if len(program) == 0 {
		return plan{}, aim.Failf(aim.ClassRuntime, "the process runtime of this node has no program for backend %q", launch.Backend).
			WithHint("use --runtime docker, or name the program in the node's settings")
	}
	for _, m := range launch.Mounts {
		if m.Source != m.Target {
			return plan{}, aim.Failf(aim.ClassRuntime, "a process cannot see %s at %s", m.Source, m.Target).
				WithHint("use --runtime docker")
		}
	}
	if err := container.CheckFiles(launch); err != nil {
		return plan{}, err
	}
	p := plan{Launch: launch, Argv: append(slices.Clone(program), launch.Args...)}
	if r.account == nil || launch.Simulated {
		return p, nil // stand-ins work on the simulated node's own tree
	}
	groups, err := container.DeviceGroups(launch, r.dev)
	if err != nil {
		return plan{}, err
	}
	p.Account = &account{UID: r.account.UID, GID: r.account.GID, Groups: groups}
	return p, p.mayRun()
}

// advance brings a server that nobody is starting one step on: it spawns a shim,
// or says why the one it has spawned came to nothing.
func (r *Runtime) advance(f folder, p plan, secrets map[string]string, mine *spawned) (*spawned, error) {
	if f.has(stopFile) {
		return nil, aim.Failf(aim.ClassCancelled, "server %s was stopped before it started", f.name())
	}
	if mine == nil {
		return r.spawn(f, p, secrets)
	}
	select {
	case <-mine.done:
	default:
		return mine, nil
	}
	// It may have started the server between our last look and its end.
	if s, err := f.look(); err != nil || s.phase != created {
		return mine, err
	}
	fail := aim.Failf(aim.ClassRuntime, "the shim of server %s ended before it had started anything: %v", f.name(), mine.err)
	fail.LogLines = f.lastLines(5)
	return nil, fail.WithHint("see %s", f.path(logFile))
}

// spawned is a shim that this process has started.
type spawned struct {
	done chan struct{} // closed when it has ended
	err  error         // valid then
}

// spawn starts a shim in a session of its own, so that neither the end of the
// agent nor a ^C in its terminal reaches it. The environment is the one way in
// which secrets travel.
func (r *Runtime) spawn(f folder, p plan, secrets map[string]string) (*spawned, error) {
	env, err := r.environment(f, p, secrets)
	if err != nil {
		return nil, err
	}
	program := p.Argv[0]
	if _, err := exec.LookPath(program); err != nil {
		return nil, aim.Failf(aim.ClassRuntime, "cannot run %s: %v", program, err).
			WithHint("install it on this node, or use --runtime docker")
	}
	log, err := os.OpenFile(f.path(logFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", f.name(), err)
	}
	defer log.Close()
	cmd := exec.Command(r.opts.Self, "shim", string(f))
	cmd.Dir, cmd.Env = string(f), env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, aim.Failf(aim.ClassRuntime, "start the shim of %s: %v", f.name(), err)
	}
	s := &spawned{done: make(chan struct{})}
	go func() { // ends with the shim; reaps it while this process lives
		s.err = cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

func (f folder) endedFailure(exit aim.Exit) *aim.Failure {
	why := fmt.Sprintf("server %s has already ended with exit code %d", f.name(), exit.Code)
	if exit.Message != "" {
		why += ": " + exit.Message
	}
	fail := aim.Failf(aim.ClassStart, "%s", why)
	fail.LogLines = f.lastLines(5)
	return fail
}

// lastLines of the log, for a Failure; none when it cannot be read.
func (f folder) lastLines(n int) []string {
	log, err := openLog(f.path(logFile), n)
	if err != nil {
		return nil
	}
	defer log.Close()
	text := make([]byte, 8<<10)
	got, _ := log.Read(text)
	return strings.Split(strings.TrimSpace(string(text[:got])), "\n")
}
