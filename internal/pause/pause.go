// Package pause waits.
package pause

import (
	"context"
	"time"
)

// For waits for d, or returns ctx's error. What has no time to wait for is asked
// about ctx alone.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
