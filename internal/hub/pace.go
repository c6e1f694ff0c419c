package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aim-engine/aim"
)

// pace is how patient a request is.
type pace struct {
	tries   int           // attempts in a row that get nowhere
	first   time.Duration // pause after the first; doubles up to longest
	longest time.Duration
	stall   time.Duration // a connection that is silent for so long is cut
	answer  time.Duration // a small answer that has not ended by then never does

	// patience bounds how long the hub may make one request wait in all, by its
	// own word. Such a wait is no attempt: the limit belongs to the address that
	// a whole site asks from, and nothing but time is a remedy.
	patience time.Duration
	gate     *gate        // keeps all requests to the hub back while it asks for that; nil = this one alone
	note     func(string) // shows what is waited for, "" when it is over; nil = nobody sees
}

// defaultPace gives a hub or a network about half a minute to come back, a minute
// more where it does not even refuse. What lasts longer is told to the caller,
// whose own retries have the longer breath.
var defaultPace = pace{
	tries: 7, first: 500 * time.Millisecond, longest: 8 * time.Second, stall: 60 * time.Second, answer: 15 * time.Second,
	patience: 6 * time.Hour,
}

// brief is for questions that somebody waits for in front of a screen: one
// accident is forgiven, an outage and a limit are not waited for.
func (p pace) brief() pace {
	p.tries, p.stall, p.answer, p.patience = 2, min(p.stall, 10*time.Second), min(p.answer, 5*time.Second), 2*time.Second
	return p
}

// keep repeats op until it succeeds, fails for good, or has failed too often in
// a row. op says whether it has moved anything forward: a download that is cut
// again and again, but goes on, is not given up.
func (p pace) keep(ctx context.Context, op func() (moved bool, err error)) error {
	var waited time.Duration // by the hub's own word, since anything moved
	for failed := 0; ; {
		if err := p.gate.pass(ctx, p.patience, p.note); err != nil {
			return err
		}
		moved, err := op()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		if moved {
			failed, waited = 0, 0
		}
		if told := toldBy(err); told > 0 {
			if waited += told; waited > p.patience {
				return err
			}
			if err := p.wait(ctx, told, err); err != nil {
				return err
			}
			continue
		}
		failed++
		if errors.Is(err, errEndless) {
			failed += p.tries / 2 // it has cost a long while already
		}
		if failed >= p.tries {
			return err
		}
		if err := sleep(ctx, p.pause(failed)); err != nil {
			return err
		}
	}
}

// toldBy is how long an answer asks to wait, 0 for any other error. A second at
// least: a hub that says "now" and refuses again must not be asked in a circle.
func toldBy(err error) time.Duration {
	a, ok := errors.AsType[*answer](err)
	if !ok || a.told == 0 {
		return 0
	}
	return max(a.told, time.Second)
}

// wait closes the gate for as long as the hub has asked, and waits before it. Up
// to a tenth more, at random, so that a fleet does not come back at one moment.
func (p pace) wait(ctx context.Context, told time.Duration, why error) error {
	told += rand.N(min(told/10, 10*time.Second) + 1)
	if p.gate == nil {
		return sleep(ctx, told)
	}
	p.gate.close(time.Now().Add(told), why.Error())
	return nil // keep passes it
}

// pause grows with every failure, with up to half of it at random so that a
// fleet does not come back at the same moment.
func (p pace) pause(failed int) time.Duration {
	d := min(p.first<<min(failed-1, 16), p.longest)
	return d/2 + rand.N(d/2+1)
}

// gate holds back everything that would be asked of a hub until a moment that
// the hub has named: its limit counts all requests of an address, so that asking
// for another file meanwhile only makes the wait longer.
type gate struct {
	mu    sync.Mutex
	until time.Time
	why   string
}

// close keeps the gate shut until then; a later moment wins.
func (g *gate) close(until time.Time, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.until) {
		g.until, g.why = until, why
	}
}

// pass waits until the gate is open, and says so. Who has no such patience is
// told at once, as the hub would tell him. A nil gate is always open.
func (g *gate) pass(ctx context.Context, patience time.Duration, note func(string)) error {
	if g == nil {
		return nil
	}
	for {
		g.mu.Lock()
		left, why := time.Until(g.until), g.why
		g.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if left > patience {
			return &shutGate{left: left.Round(time.Second), why: why}
		}
		if note != nil {
			note(fmt.Sprintf("waiting for the hub's limit until %s: %s", time.Now().Add(left).Format(time.TimeOnly), why))
		}
		err := sleep(ctx, left)
		if note != nil {
			note("")
		}
		if err != nil {
			return err
		}
	}
}

// shutGate is the answer to who cannot wait for the gate.
type shutGate struct {
	left time.Duration
	why  string
}

func (s *shutGate) Error() string { return fmt.Sprintf("%s; %v of that are left", s.why, s.left) }

// passing tells whether another attempt may go better: faults of the network and
// of the hub itself do pass; its refusals, and faults of the disk, do not.
func passing(err error) bool {
	if a, ok := errors.AsType[*answer](err); ok {
		return a.passing()
	}
	if _, ok := errors.AsType[diskError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*shutGate](err); ok {
		return false
	}
	if _, ok := errors.AsType[*aim.Failure](err); ok {
		return false
	}
	return !errors.Is(err, errBadAnswer) && !errors.Is(err, fs.ErrPermission)
}
