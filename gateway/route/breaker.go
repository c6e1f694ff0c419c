package route

import "time"

// Outcome is how a request ended, as far as the replica is concerned.
type Outcome int

const (
	// Answered is any answer but those below. A 4xx is one: the client's mistake
	// says nothing about the replica.
	Answered Outcome = iota
	// Busy is 429 or 503: the replica is well and has enough to do.
	Busy
	// Failed is a 5xx other than 503.
	Failed
	// Broken is a connection that could not be made, ended without an answer, or
	// died in the middle of one.
	Broken
	// Left is a request that its client gave up.
	Left
)

const (
	// failures in a row before a replica is kept out: one request can make a
	// server answer 500, a dead engine does so always.
	failuresToOpen = 3
	firstPause     = 500 * time.Millisecond
	longestPause   = 15 * time.Second
	// busyPause is how long a replica that said 503 without Retry-After is
	// asked last.
	busyPause   = 250 * time.Millisecond
	longestBusy = 10 * time.Second
)

// breaker keeps a replica that fails out of choice, and lets one request try it
// from time to time.
//
//	closed ──Broken, or 3 x Failed──► open ──pause over──► half open ──Answered──► closed
//	                                   ▲                       │ one request at a time
//	                                   └── twice the pause ────┘ any failure
type breaker struct {
	failures int
	pause    time.Duration // of the opening before; 0 = closed
	until    time.Time     // while open
	trying   bool          // half open, and the one request is under way
	busy     time.Time     // until when it is asked last
}

// admits tells whether a request may go there. A half open breaker admits one;
// the caller says so with try.
func (b *breaker) admits(now time.Time) bool {
	return b.pause == 0 || !now.Before(b.until) && !b.trying
}

func (b *breaker) try() {
	if b.pause > 0 {
		b.trying = true
	}
}

// ended takes the outcome of a request. A trial that its client left decides
// nothing, and the next request may try.
func (b *breaker) ended(o Outcome, retryAfter time.Duration, now time.Time) {
	b.trying = false
	switch o {
	case Answered:
		*b = breaker{busy: b.busy}
	case Busy:
		if retryAfter == 0 {
			retryAfter = busyPause
		}
		*b = breaker{busy: now.Add(min(retryAfter, longestBusy))}
	case Failed:
		if b.failures++; b.failures >= failuresToOpen || b.pause > 0 {
			b.open(now)
		}
	case Broken:
		b.open(now)
	}
}

func (b *breaker) open(now time.Time) {
	b.pause = min(max(firstPause, 2*b.pause), longestPause)
	b.until = now.Add(b.pause)
}
