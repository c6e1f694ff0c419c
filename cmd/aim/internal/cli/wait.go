package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aim-engine/aim/internal/display"
)

// Polling starts fast, for servers that are ready at once, and slows down: a
// query costs control a few milliseconds.
const (
	FirstPoll = 50 * time.Millisecond
	LastPoll  = 500 * time.Millisecond
)

// WaitFlags are the flags of commands that wait for what they have asked for.
type WaitFlags struct {
	Detach  bool
	timeout time.Duration
}

func (f *WaitFlags) Add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.Detach, "detach", "d", false, "do not wait")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "stop waiting after this long, with exit code 4; what was asked for goes on (default never)")
}

// Within bounds everything that a command does by its --timeout.
func (f WaitFlags) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return WithTimeout(ctx, f.timeout)
}

// WithTimeout is context.WithTimeout, where 0 is no timeout.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%w after %s", ErrTimeout, d))
}

// Show leaves programs alone: they get the last status.
func (a *App) Show(live *display.Live, items []display.Item) {
	if !a.Programs() {
		live.Show(items)
	}
}

// Pause waits, and says when it was interrupted.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ErrInterrupted
	case <-time.After(d):
		return nil
	}
}
