package up

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/config"
)

// background runs the same `aim up` in a session of its own and returns when it
// is ready. What it prints goes to log/up.log.
func (o options) background(ctx context.Context, a *cli.App, cmd *cobra.Command) error {
	lock, err := lockStack(a.Settings.Dir) // say at once what it would say
	if errors.Is(err, errRunning) {
		return o.already(ctx, a, err)
	}
	if err != nil {
		return err
	}
	if err := lock.Release(); err != nil {
		return cli.Failed("unlock the state folder %s: %w", a.Settings.Dir, err)
	}
	path := filepath.Join(a.Settings.Dir, "log", "up.log")
	child, ready, err := o.spawn(cmd, path)
	if err != nil {
		return fmt.Errorf("run aim up in the background: %w", err)
	}
	defer ready.Close()
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(ready).ReadString('\n') // "" when it has ended
		line <- text
	}()
	select {
	case <-ctx.Done():
		_ = child.Process.Signal(syscall.SIGTERM) // it was not ready: nobody relies on it
		return cli.ErrInterrupted
	case text := <-line:
		if text == "" {
			_ = child.Wait()
			said, _ := os.ReadFile(path)
			a.Err.Printf("%s", said)
			return cli.Quiet(child.ProcessState.ExitCode())
		}
	}
	state, err := config.ReadStack(a.Settings.Dir)
	if err != nil {
		return err
	}
	if err := child.Process.Release(); err != nil {
		return fmt.Errorf("leave aim up in the background: %w", err)
	}
	return tellStack(ctx, a, state)
}

// already is for a stack that is up: it is what was asked for, unless other nodes
// are.
func (o options) already(ctx context.Context, a *cli.App, running error) error {
	state, err := config.ReadStack(a.Settings.Dir)
	other := o.simulate != "" && o.simulate != state.Simulate && !(o.simulate == "none" && state.Simulate == "")
	if err != nil || !state.Ready || other {
		return running
	}
	a.Hint("aim up is running already (pid %d)", state.PID)
	return tellStack(ctx, a, state)
}

// spawn starts the background process. The pipe says when it is ready, and
// ends when it ends.
func (o options) spawn(cmd *cobra.Command, path string) (*exec.Cmd, *os.File, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	if err := keepOldLog(path); err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	args := []string{"up", "--ready-fd=3"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "detach" {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	child := exec.Command(self, args...)
	child.Stdout, child.Stderr = log, log
	child.ExtraFiles = []*os.File{theirs} // as descriptor 3
	if err := keepToOurselves(); err != nil {
		return nil, nil, err
	}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		ours.Close()
		return nil, nil, err
	}
	return child, ours, nil
}

// keepToOurselves makes sure that a process we start inherits nothing that it was
// not given: whoever has started us may have left descriptors open, and waits
// until the last process that has them ends, such as a shell for its 2> >(...).
func keepToOurselves() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
