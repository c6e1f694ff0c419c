// Package stack starts the whole program in a folder of its own, as a user
// would, and looks at what it really does.
//
//	s, err := stack.Up(ctx, stack.Options{Bin: "bin", Dir: dir, Simulate: "2x8"})
//	defer s.Down(ctx)
//	result := s.Aim(ctx, "deploy", "Qwen/Qwen3-32B")
//	servers, err := s.Servers() // processes, read from /proc
package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/config"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/aim-engine/aim/internal/temporal"
)

// Options of a stack.
type Options struct {
	Bin      string   // folder of the binaries
	Dir      string   // state; made if it is not there
	Simulate string   // NxM
	Env      []string // on top of the caller's environment
}

// Stack is a running `aim up`.
type Stack struct {
	config.Stack
	Dir  string
	opts Options

	temporal client.Client
	nats     *inventory.Conn
}

// Result of one command.
type Result struct {
	Out, Err string
	Code     int
	Took     time.Duration
}

// Error is what a command that had to be carried out says, nil where it was.
func (r Result) Error() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("exit code %d: %s", r.Code, r.Err)
}

// Up starts the stack in the background and connects to it.
func Up(ctx context.Context, opts Options) (*Stack, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(opts.Bin)
	if err != nil {
		return nil, err
	}
	opts.Bin = bin
	s := &Stack{Dir: dir, opts: opts}
	if r := s.Aim(ctx, "up", "--detach", "--simulate", opts.Simulate); r.Code != 0 {
		return nil, fmt.Errorf("aim up ended with %d: %s%s", r.Code, r.Err, s.Logs())
	}
	if err := s.connect(ctx); err != nil {
		_ = s.Down(ctx)
		return nil, err
	}
	return s, nil
}

func (s *Stack) connect(ctx context.Context) error {
	var err error
	if s.Stack, err = config.ReadStack(s.Dir); err != nil {
		return err
	}
	s.temporal, err = temporal.Dial(ctx, settings.Temporal{Address: s.TemporalAddress, Namespace: s.Namespace}, "aim-scenario", nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	s.nats, err = inventory.Connect(ctx, settings.NATS{URL: s.NATSURL}, "aim-scenario", nil)
	return err
}

// Down stops the stack and waits until all of it is gone.
func (s *Stack) Down(ctx context.Context) error {
	if s.temporal != nil {
		s.temporal.Close()
	}
	if s.nats != nil {
		s.nats.Close()
	}
	if r := s.Aim(ctx, "down"); r.Code != 0 {
		return fmt.Errorf("aim down ended with %d: %s", r.Code, r.Err)
	}
	return nil
}

// Temporal is a plain client of the stack's server.
func (s *Stack) Temporal() client.Client { return s.temporal }

// Aim runs one command of the program against this stack.
func (s *Stack) Aim(ctx context.Context, args ...string) Result {
	opts := s.opts
	opts.Dir = s.Dir
	return Run(ctx, opts, args...)
}

// Run runs one command of the program as against a stack of these options, which need
// not be up.
func Run(ctx context.Context, opts Options, args ...string) Result {
	cmd := exec.CommandContext(ctx, filepath.Join(opts.Bin, "aim"), args...)
	cmd.Env = append(append(config.Environ(os.Environ()), "AIM_DIR="+opts.Dir, "NO_COLOR=1"), opts.Env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	err := cmd.Run()
	r := Result{Out: out.String(), Err: errs.String(), Took: time.Since(began)}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.Code = exit.ExitCode()
	case err != nil:
		r.Code, r.Err = -1, r.Err+err.Error()
	}
	return r
}

// Status asks the Deployment workflow.
func (s *Stack) Status(ctx context.Context, name string) (aim.Status, error) {
	return Status(ctx, s.temporal, name)
}

// Apply wants a deployment.
func (s *Stack) Apply(ctx context.Context, spec aim.DeploymentSpec) error {
	return Apply(ctx, s.temporal, spec)
}

var errEnded = errors.New("it has ended")

// AwaitStatus waits until the status satisfies ok.
func (s *Stack) AwaitStatus(ctx context.Context, name string, ok func(aim.Status) bool) (aim.Status, error) {
	var last aim.Status
	err := Eventually(ctx, func() (bool, error) {
		status, err := s.Status(ctx, name)
		if err != nil {
			return false, nil // control or server may be down on purpose
		}
		last = status
		if done := ok(status); done || !status.Phase.Final() {
			return done, nil
		}
		return false, errEnded
	})
	if err != nil {
		return last, fmt.Errorf("deployment %s: %w; last status: %s, %s", name, err, last.Phase, last.Reason)
	}
	return last, nil
}

// AwaitPhase waits for a phase.
func (s *Stack) AwaitPhase(ctx context.Context, name string, phase aim.Phase) (aim.Status, error) {
	return s.AwaitStatus(ctx, name, func(st aim.Status) bool { return st.Phase == phase })
}

// Fleet is what control knows of the nodes.
func (s *Stack) Fleet(ctx context.Context) (aim.Fleet, error) {
	answer, err := inventory.AskFleet(ctx, s.nats)
	return answer.Fleet, err
}

// Logs is the end of every log of the stack, for a failed scenario's report.
func (s *Stack) Logs() string {
	var b strings.Builder
	files, _ := filepath.Glob(filepath.Join(s.Dir, "log", "*.log"))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		fmt.Fprintf(&b, "\n--- %s\n%s", f, strings.Join(lines[max(0, len(lines)-25):], "\n"))
	}
	return b.String()
}

// pollEvery is the pace of looking for what has no event.
const pollEvery = 5 * time.Millisecond

// Eventually looks until ok or ctx ends. Give ctx a deadline.
func Eventually(ctx context.Context, ok func() (bool, error)) error {
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}
