package node

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

type attemptKey struct {
	uid, token    string
	ordinal, rank int
}

func keyOf(id aim.Identity) attemptKey { return attemptKey{id.UID, id.Token, id.Ordinal, id.Rank} }

// attemptState is what the agent remembers, in memory, about one attempt of a
// replica: which activities work on it, when the last one ended, and how its
// server does. It can be lost at any time; ledger and runtimes are the truth.
type attemptState struct {
	order sync.Mutex // one of claim, start, stop and release at a time

	mu       sync.Mutex
	active   int       // activities at work
	last     time.Time // when one was last at work
	unowned  string    // why nobody is known to own it
	endpoint *aim.Endpoint
	monitor  *serverMonitor
	stopped  bool                       // for good: another attempt has another token
	ends     map[int]context.CancelFunc // of the activities at work
	next     int
}

// attempt returns the attempt's record, making it when there is none. A fresh
// record counts from the start of the agent.
func (n *Node) attempt(id aim.Identity) *attemptState {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.attempts[keyOf(id)]
	if !ok {
		a = &attemptState{last: n.started, ends: map[int]context.CancelFunc{}}
		n.attempts[keyOf(id)] = a
	}
	return a
}

// sweep forgets attempts that left nothing here: no claim, and no activity at work
// for a while, as after a claim that was refused. One that was stopped is kept as
// long, so that a claim that is on its way still finds it stopped.
func (n *Node) sweep(now time.Time, claims []aim.Claim) {
	held := map[attemptKey]bool{}
	for _, c := range claims {
		held[keyOf(c.Identity)] = true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.attempts, func(k attemptKey, a *attemptState) bool {
		return !held[k] && a.silentFor(now) >= n.opts.Silence
	})
}

func (n *Node) forget(id aim.Identity) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.attempts, keyOf(id))
}

// enter notes that an activity of the attempt is at work. Its context ends
// early when the attempt is stopped on this node, or has been.
func (n *Node) enter(ctx context.Context, id aim.Identity) (context.Context, *attemptState, func()) {
	a := n.attempt(id)
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.active++
	a.next++
	mine := a.next
	a.ends[mine] = cancel
	if a.stopped {
		cancel()
	}
	if a.unowned != "" {
		a.unowned = ""
		n.announce()
	}
	return ctx, a, func() {
		cancel()
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.ends, mine)
		a.active--
		a.last = time.Now()
	}
}

// end cancels the activities at work and the server's monitor, but not the caller. Nothing
// is advertised from here on.
func (a *attemptState) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	for _, cancel := range a.ends {
		cancel()
	}
	if a.monitor != nil {
		a.monitor.cancel()
	}
	a.endpoint = nil
}

// silentFor tells how long no activity has been at work on the attempt; 0 while
// one is.
func (a *attemptState) silentFor(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.active > 0 {
		return 0
	}
	return now.Sub(a.last)
}

// mark remembers what Temporal said about the attempt's owner.
func (a *attemptState) mark(now time.Time, unowned string) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	unowned = activities.Clip(unowned, activities.MaxNote) // it is part of every snapshot
	changed = a.unowned != unowned
	a.last, a.unowned = now, unowned
	return changed
}

// ended tells apart why an activity's context has ended: the attempt was stopped
// on this node, which is final, or something that Temporal knows.
func (a *attemptState) ended(err error, node string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped && errors.Is(err, context.Canceled) {
		return aim.Failf(aim.ClassCancelled, "stopped on node %s", node)
	}
	return err
}

// doubt makes the next tending ask whose the attempt is.
func (a *attemptState) doubt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Time{}
}

func (a *attemptState) setEndpoint(e aim.Endpoint) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return false
	}
	changed = a.endpoint == nil || *a.endpoint != e
	a.endpoint = &e
	return changed
}

// proved tells whether the attempt's server has answered and is not being
// stopped.
func (a *attemptState) proved() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.endpoint != nil
}

// task is what the attempt's server was proved by, as far as this agent knows.
func (a *attemptState) task(server aim.Server) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.endpoint != nil && a.endpoint.Task != "" {
		return a.endpoint.Task
	}
	return server.Task
}
