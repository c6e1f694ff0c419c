package route

import (
	"sync/atomic"
	"time"
)

// Lease is one request's hold on a replica. It is used by one goroutine.
type Lease struct {
	Target
	Hit  int64 // prompt tokens that the replica has probably cached
	Cost int64 // that it was chosen at

	pool    *Pool
	member  *member
	prefill int64
	begun   atomic.Bool
	done    bool
	gone    func() // OnGone's
	grace   time.Duration
}

// OnGone has f called when the replica has been gone for grace and the answer has
// not begun.
func (l *Lease) OnGone(grace time.Duration, f func()) {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.gone, l.grace = f, grace
	select {
	case <-l.member.gone: // meanwhile
		l.giveUp()
	default:
	}
}

// giveUp calls f later, unless an answer has begun by then. Done, which comes
// first otherwise, counts as one.
func (l *Lease) giveUp() {
	if f := l.gone; f != nil {
		time.AfterFunc(l.grace, func() {
			if !l.HasBegun() {
				f()
			}
		})
	}
}

// Begun says that the first byte of the answer is there: the prompt has been read.
func (l *Lease) Begun() {
	if l.done || l.begun.Swap(true) {
		return
	}
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.member.pending -= l.prefill
}

// HasBegun tells whether the first byte of the answer is there. Any goroutine may
// ask.
func (l *Lease) HasBegun() bool { return l.begun.Load() }

// Gone is closed when the replica is none any more: its server
// has ended, or is being stopped and may still answer what it has.
func (l *Lease) Gone() <-chan struct{} { return l.member.gone }

// Done ends the hold; only the first call counts. retryAfter is what a busy
// replica asked for, 0 if nothing.
func (l *Lease) Done(o Outcome, retryAfter time.Duration) {
	if l.done {
		return
	}
	l.Begun()
	l.done = true
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	l.member.outstanding--
	delete(l.member.leases, l)
	l.member.breaker.ended(o, retryAfter, p.opts.Now())
	p.serve()
}
