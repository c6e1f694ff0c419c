package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/display"
)

// Polling starts fast, for servers that are ready at once, and slows down: a
// query costs control a few milliseconds.
const (
	firstPoll = 50 * time.Millisecond
	lastPoll  = 500 * time.Millisecond
)

// waitFlags are the flags of commands that wait for what they have asked for.
type waitFlags struct {
	detach  bool
	timeout time.Duration
}

func (f *waitFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.detach, "detach", "d", false, "do not wait")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "stop waiting after this long, with exit code 4; what was asked for goes on (default never)")
}

// within bounds everything that a command does by its --timeout.
func (f waitFlags) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return withTimeout(ctx, f.timeout)
}

// goal tells whether a status is what was waited for, or an error when it never
// will be.
type goal func(aim.Status) (reached bool, err error)

// await follows a deployment until the goal is reached, showing its steps. What
// was known before, if anything, is not told again. It gives up for the end of
// ctx alone: a control process that does not answer for a while is waited for.
func (a *app) await(ctx context.Context, c client.Client, name string, before aim.Status, reached goal) (aim.Status, error) {
	live := display.NewLive(a.err)
	defer live.Close()
	live.Known(display.Progress(a.err, before, nil, a.now()))
	last := before
	for poll := firstPoll; ; poll = min(poll*5/4, lastPoll) {
		s, err := status(ctx, c, name)
		switch {
		case err == nil:
			last = s
			a.show(live, display.Progress(a.err, s, a.progress(ctx, c, s), a.now()))
			if ok, err := reached(s); ok || err != nil {
				return s, err
			}
		case errors.Is(err, errSilent):
			a.show(live, append(display.Progress(a.err, last, nil, a.now()), silence()))
		case ctx.Err() == nil:
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, stoppedWaiting(ctx, name)
		case <-time.After(poll):
		}
	}
}

// withTimeout is context.WithTimeout, where 0 is no timeout.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%w after %s", errTimeout, d))
}

// stoppedWaiting says how to follow what goes on without us.
func stoppedWaiting(ctx context.Context, name string) error {
	why := error(errInterrupted)
	if cause := context.Cause(ctx); errors.Is(cause, errTimeout) {
		why = cause
	}
	return next(fmt.Errorf("%w; what was asked for goes on", why), "aim status %s --watch", name)
}

// silence stands below the last status that was known.
func silence() display.Item {
	const text = "control does not answer; waiting for it"
	return display.Item{Key: "silence", Line: "  " + text, Fact: text}
}

// show leaves programs alone: they get the last status.
func (a *app) show(live *display.Live, items []display.Item) {
	if !a.programs() {
		live.Show(items)
	}
}

// progress asks for the bytes of those replicas that are in a long step.
func (a *app) progress(ctx context.Context, c client.Client, s aim.Status) display.Running {
	if a.programs() {
		return nil
	}
	found := display.Running{}
	for _, r := range s.Replicas {
		if slices.Contains([]aim.Phase{aim.Pulling, aim.Fetching, aim.Proving}, r.Phase) {
			found[r.Ordinal] = running(ctx, c, s.Name, r.Ordinal)
		}
	}
	return found
}

// ready is the goal of deploy, scale and restart.
func (a *app) ready(ctx context.Context, c client.Client, revision int) goal {
	return func(s aim.Status) (bool, error) {
		switch {
		case s.Revision < revision:
			return false, nil // an older worker's answer
		case s.NotTaken != nil:
			return false, notTaken(s)
		case s.Phase == aim.Ready:
			return len(s.Replicas) <= s.Wanted, nil // those that are not wanted any more have gone
		case s.Phase == aim.Failed:
			return false, a.deploymentFailed(closing(ctx, c, s.Name), s)
		case s.Phase == aim.Stopped:
			return false, next(failed("deployment %s was stopped: %s", s.Name, s.Reason), "%s", deployAgain(s))
		case stuck(s):
			return false, next(failed("deployment %s: %s", s.Name, s.Reason), "aim status %s", s.Name)
		}
		return false, nil
	}
}

// notTaken is the end of a change that was accepted and could not be taken up.
func notTaken(s aim.Status) error {
	err := fmt.Errorf("deployment %s runs on as it was; the change was not taken up: %w", s.Name, s.NotTaken)
	return next(err, "%s", cureFor(s.NotTaken.Class, s))
}

// stuck tells whether some replicas have failed for good while all others are
// ready: nothing more will happen.
func stuck(s aim.Status) bool {
	lost := 0
	for _, r := range s.Replicas {
		switch r.Phase {
		case aim.Failed:
			lost++
		case aim.Ready:
		default:
			return false
		}
	}
	return lost > 0
}

// deploymentFailed makes the error of a deployment that has failed for good.
// The exit code is that of its class.
func (a *app) deploymentFailed(f *aim.Failure, s aim.Status) error {
	if f == nil {
		f = &aim.Failure{Class: aim.ClassInternal, Why: s.Reason}
	}
	err := fmt.Errorf("deployment %s failed: %w", s.Name, f)
	if f.Hint != "" {
		return next(err, "%s", f.Hint)
	}
	return next(err, "%s", cureFor(f.Class, s))
}

// cureFor is the next command for a deployment that has failed.
func cureFor(c aim.Class, s aim.Status) string {
	switch c {
	case aim.ClassNoRecipe:
		return "aim recipe list"
	case aim.ClassCapacity:
		return "aim plan " + s.Model
	case aim.ClassInput:
		return "aim deploy --help"
	}
	for _, r := range s.Replicas {
		if n := len(r.Tries); n > 0 && r.Tries[n-1].Node != "" {
			return fmt.Sprintf("aim logs %s --replica %d --attempt %d", s.Name, r.Ordinal, r.Tries[n-1].Attempt)
		}
	}
	return "aim events " + s.Name
}
