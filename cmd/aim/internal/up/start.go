package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/cmd/aim/internal/supervise"
	"github.com/aim-engine/aim/internal/display"
)

// How long each part may take to serve. They need a second or two; the rest is
// for machines that are busy with something else.
const (
	devserverWithin = 60 * time.Second
	partWithin      = 60 * time.Second
)

// errStopEarly ends a start that was interrupted.
var errStopEarly = fmt.Errorf("%w while starting", cli.ErrInterrupted)

// start brings everything up in order and remembers where it is.
func (s *stack) start(ctx context.Context, interrupts <-chan os.Signal) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	started := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-interrupts:
			cancel(errStopEarly)
		case <-started:
		}
	})
	defer watching.Wait()
	defer close(started)
	s.children = supervise.New(func(e supervise.Event) { s.app.Hint("%s", e) })
	if err := s.startAll(ctx); err != nil {
		if errors.Is(context.Cause(ctx), errStopEarly) {
			return errStopEarly
		}
		return err
	}
	s.state.Ready = true
	return s.state.Write(s.app.Settings.Dir)
}

// startAll starts the parts in the order in which they need each other.
func (s *stack) startAll(ctx context.Context) error {
	if err := endOrphans(ctx, s.app.Settings.Dir, orphanPatience); err != nil {
		return err
	}
	if len(s.nodes) > 0 {
		s.app.Hint("%s: the GPUs and the model servers are stand-ins; everything else is real", s.app.Err.Warn("SIMULATED"))
		s.reap()
		if err := s.endStrays(ctx); err != nil {
			return err
		}
	}
	place := s.startDevserver
	if s.state.External {
		place = s.checkExternal
	}
	if err := place(ctx); err != nil {
		return err
	}
	s.placed = true
	// Known before all is ready, so that other commands can look at a start
	// that does not come to its end.
	if err := s.state.Write(s.app.Settings.Dir); err != nil {
		return err
	}
	if err := s.startControl(ctx); err != nil {
		return err
	}
	if err := s.startGateway(ctx); err != nil {
		return err
	}
	if len(s.nodes) == 0 {
		return s.startOwnNode(ctx)
	}
	return s.startSimulated(ctx)
}

// launch starts one part and tells how long it took.
func (s *stack) launch(ctx context.Context, within time.Duration, p supervise.Process) error {
	began := time.Now()
	p.Log = filepath.Join(s.app.Settings.Dir, "log", p.Name+".log")
	p.Started = func(pid int) { s.writePID(p.Name, pid) }
	if err := keepOldLog(p.Log); err != nil {
		return fmt.Errorf("keep the log of %s: %w", p.Name, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("it has had %s", within))
	defer cancel()
	if err := s.children.Start(ctx, p); err != nil {
		return inItsOwnWords(p.Name, err)
	}
	s.app.Hint("%s %-14s %s", s.app.Err.Good("✓"), p.Name, s.app.Err.Dim(display.Elapsed(time.Since(began))))
	return nil
}

// ownWords are the last lines of a program of ours that could not start: a
// sentence, a hint and the next command, as cli tells an error.
var ownWords = aim.Pattern(`(?s)\naim(?:-devserver)?: ([^\n]+)(?:\nhint: ([^\n]+))?(?:\nnext: ([^\n]+))?\s*$`)

// inItsOwnWords tells what a part that is our own program has said, instead of
// how it ended and where its log is.
func inItsOwnWords(name string, err error) error {
	said := ownWords().FindStringSubmatch(err.Error())
	if said == nil {
		return cli.Failed("%w", err)
	}
	return &cli.Problem{
		Err:  fmt.Errorf("%s did not start: %s", name, said[1]),
		Hint: said[2], Next: said[3], Code: cli.ExitFailed,
	}
}

// writePID keeps the pid of a part where people and scripts find it.
func (s *stack) writePID(name string, pid int) {
	dir := filepath.Join(s.app.Settings.Dir, "run")
	file := filepath.Join(dir, name+".pid")
	err := errors.Join(os.MkdirAll(dir, 0o700),
		os.WriteFile(file+".new", []byte(strconv.Itoa(pid)+"\n"), 0o600),
		os.Rename(file+".new", file))
	if err != nil {
		s.app.Hint("cannot note the pid of %s: %v", name, err)
	}
}

// checkExternal looks whether a Temporal that is not ours answers; control
// checks the rest.
func (s *stack) checkExternal(ctx context.Context) error {
	_, err := s.app.Temporal(ctx)
	return err
}
