package up

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	if err != nil {
		return err
	}
	lock.release()
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
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		ours.Close()
		return nil, nil, err
	}
	return child, ours, nil
}
