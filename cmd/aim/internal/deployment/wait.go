package deployment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/cmd/aim/internal/cli"
	"github.com/aim-engine/aim/internal/display"
)

// goal tells whether a status is what was waited for, or an error when it never
// will be.
type goal func(aim.Status) (reached bool, err error)

// await follows a deployment until the goal is reached, showing its steps. What
// was known before, if anything, is not told again. It gives up for the end of
// ctx alone: a control process that does not answer for a while is waited for.
func await(ctx context.Context, a *cli.App, c client.Client, name string, before aim.Status, reached goal) (aim.Status, error) {
	live := display.NewLive(a.Err)
	defer live.Close()
	live.Known(display.Progress(a.Err, before, nil, a.Now()))
	last := before
	for poll := cli.FirstPoll; ; poll = min(poll*5/4, cli.LastPoll) {
		s, err := Ask(ctx, c, name)
		switch {
		case err == nil:
			last = s
			a.Show(live, display.Progress(a.Err, s, progress(ctx, a, c, s), a.Now()))
			if ok, err := reached(s); ok || err != nil {
				return s, err
			}
		case errors.Is(err, errSilent):
			a.Show(live, append(display.Progress(a.Err, last, nil, a.Now()), silence()))
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

// stoppedWaiting says how to follow what goes on without us.
func stoppedWaiting(ctx context.Context, name string) error {
	why := error(cli.ErrInterrupted)
	if cause := context.Cause(ctx); errors.Is(cause, cli.ErrTimeout) {
		why = cause
	}
	return cli.Next(fmt.Errorf("%w; what was asked for goes on", why), "aim status %s --watch", name)
}

// silence stands below the last status that was known.
func silence() display.Item {
	const text = "control does not answer; waiting for it"
	return display.Item{Key: "silence", Line: "  " + text, Fact: text}
}

// progress asks for the bytes of those replicas that are in a long step.
func progress(ctx context.Context, a *cli.App, c client.Client, s aim.Status) display.Running {
	if a.Programs() {
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
func ready(ctx context.Context, a *cli.App, c client.Client, revision int) goal {
	return func(s aim.Status) (bool, error) {
		switch {
		case s.Revision < revision:
			return false, nil // an older worker's answer
		case s.NotTaken != nil:
			return false, notTaken(s)
		case s.Phase == aim.Ready:
			return len(s.Replicas) <= s.Wanted, nil // those that are not wanted any more have gone
		case s.Phase == aim.Failed:
			return false, deploymentFailed(a, closing(ctx, c, s.Name), s)
		case s.Phase == aim.Stopped:
			return false, cli.Next(cli.Failed("deployment %s was stopped: %s", s.Name, s.Reason), "%s", deployAgain(s))
		case stuck(s):
			return false, cli.Next(cli.Failed("deployment %s: %s", s.Name, s.Reason), "aim status %s", s.Name)
		}
		return false, nil
	}
}

// notTaken is the end of a change that was accepted and could not be taken up.
func notTaken(s aim.Status) error {
	err := fmt.Errorf("deployment %s runs on as it was; the change was not taken up: %w", s.Name, s.NotTaken)
	return cli.Next(err, "%s", cureFor(s.NotTaken.Class, s))
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
func deploymentFailed(a *cli.App, f *aim.Failure, s aim.Status) error {
	if f == nil {
		f = &aim.Failure{Class: aim.ClassInternal, Why: s.Reason}
	}
	err := fmt.Errorf("deployment %s failed: %w", s.Name, f)
	return cli.Next(err, "%s", cureFor(f.Class, s))
}

// cureFor is the next command for a deployment that has failed.
func cureFor(c aim.FailureClass, s aim.Status) string {
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
			replica := ""
			if r.Ordinal > 0 {
				replica = fmt.Sprintf(" --replica %d", r.Ordinal)
			}
			return fmt.Sprintf("aim logs %s%s --attempt %d", s.Name, replica, r.Tries[n-1].Attempt)
		}
	}
	return "aim events " + s.Name
}
