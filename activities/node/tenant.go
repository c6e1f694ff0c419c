package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aim-engine/aim"
)

type tenantKey struct {
	uid, token    string
	ordinal, rank int
}

func keyOf(id aim.Identity) tenantKey { return tenantKey{id.UID, id.Token, id.Ordinal, id.Rank} }

// tenant is what the agent remembers, in memory, about one attempt of a
// replica: which activities work on it, when the last one ended, and how its
// server does. It can be lost at any time; ledger and runtimes are the truth.
type tenant struct {
	order sync.Mutex // one of claim, start, stop and release at a time

	mu       sync.Mutex
	active   int       // activities at work
	last     time.Time // when one was last at work
	unowned  string    // why nobody is known to own it
	endpoint *aim.Endpoint
	guard    *guard
	stopped  bool                       // for good: another attempt has another token
	ends     map[int]context.CancelFunc // of the activities at work
	next     int
}

// tenant returns the attempt's record, making it when there is none. A fresh
// record counts from the start of the agent.
func (n *Node) tenant(id aim.Identity) *tenant {
	n.mu.Lock()
	defer n.mu.Unlock()
	t, ok := n.tenants[keyOf(id)]
	if !ok {
		t = &tenant{last: n.started, ends: map[int]context.CancelFunc{}}
		n.tenants[keyOf(id)] = t
	}
	return t
}

func (n *Node) forget(id aim.Identity) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.tenants, keyOf(id))
}

// enter notes that an activity of the attempt is at work. Its context ends
// early when the attempt is stopped on this node, or has been.
func (n *Node) enter(ctx context.Context, id aim.Identity) (context.Context, *tenant, func()) {
	t := n.tenant(id)
	ctx, cancel := context.WithCancel(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active++
	t.next++
	mine := t.next
	t.ends[mine] = cancel
	if t.stopped {
		cancel()
	}
	if t.unowned != "" {
		t.unowned = ""
		n.announce()
	}
	return ctx, t, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.ends, mine)
		t.active--
		t.last = time.Now()
	}
}

// end cancels the activities at work and the guard, but not the caller. Nothing
// is advertised from here on.
func (t *tenant) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	for _, cancel := range t.ends {
		cancel()
	}
	if t.guard != nil {
		t.guard.cancel()
	}
	t.endpoint = nil
}

// silentFor tells how long no activity has been at work on the attempt; 0 while
// one is.
func (t *tenant) silentFor(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active > 0 {
		return 0
	}
	return now.Sub(t.last)
}

// mark remembers what Temporal said about the attempt's owner.
func (t *tenant) mark(now time.Time, unowned string) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = t.unowned != unowned
	t.last, t.unowned = now, unowned
	return changed
}

// ended tells apart why an activity's context has ended: the attempt was stopped
// on this node, which is final, or something that Temporal knows.
func (t *tenant) ended(err error, node string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped && errors.Is(err, context.Canceled) {
		return aim.Failf(aim.ClassCancelled, "stopped on node %s", node)
	}
	return err
}

// doubt makes the next tending ask whose the attempt is.
func (t *tenant) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = time.Time{}
}

func (t *tenant) setEndpoint(e aim.Endpoint) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	changed = t.endpoint == nil || *t.endpoint != e
	t.endpoint = &e
	return changed
}

// proved tells whether the attempt's server has answered and is not being
// stopped.
func (t *tenant) proved() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.endpoint != nil
}
