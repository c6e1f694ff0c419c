package hub

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/aim-engine/aim"
)

// pace is how patient a request is.
type pace struct {
	tries   int           // attempts in a row that get nowhere
	first   time.Duration // pause after the first; doubles up to longest
	longest time.Duration
	stall   time.Duration // a connection that is silent for so long is cut
}

// defaultPace gives a hub or a network about half a minute to come back, a minute
// more where it does not even refuse. What lasts longer is told to the caller,
// whose own retries have the longer breath.
var defaultPace = pace{tries: 7, first: 500 * time.Millisecond, longest: 8 * time.Second, stall: 60 * time.Second}

// keep repeats op until it succeeds, fails for good, or has failed too often in
// a row. op says whether it has moved anything forward: a download that is cut
// again and again, but goes on, is not given up.
func (p pace) keep(ctx context.Context, op func() (moved bool, err error)) error {
	for failed := 0; ; {
		moved, err := op()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if moved {
			failed = 0
		}
		failed++
		if failed >= p.tries {
			return err
		}
		if err := sleep(ctx, p.pause(failed, err)); err != nil {
			return err
		}
	}
}

// pause grows with every failure, with up to half of it at random so that a
// fleet does not come back at the same moment. A hub may ask for more.
func (p pace) pause(failed int, err error) time.Duration {
	d := min(p.first<<min(failed-1, 16), p.longest)
	d = d/2 + rand.N(d/2+1)
	if a, ok := errors.AsType[*answer](err); ok {
		d = max(d, min(a.retryAfter, time.Minute))
	}
	return d
}

// passing tells whether another attempt may go better: faults of the network and
// of the hub itself do pass; its refusals, and faults of the disk, do not.
func passing(err error) bool {
	if a, ok := errors.AsType[*answer](err); ok {
		return a.passing()
	}
	if _, ok := errors.AsType[diskError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*aim.Failure](err); ok {
		return false
	}
	return !errors.Is(err, errBadAnswer) && !errors.Is(err, fs.ErrPermission)
}
