package activities

import (
	"context"
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
// early when the attempt is stopped on this node.
func (n *Node) enter(ctx context.Context, id aim.Identity) (context.Context, *tenant, func()) {
	t := n.tenant(id)
	ctx, cancel := context.WithCancel(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active++
	t.next++
	mine := t.next
	t.ends[mine] = cancel
	t.unowned = ""
	return ctx, t, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.ends, mine)
		t.active--
		t.last = time.Now()
	}
}

// end cancels the activities at work and the guard, but not the caller.
func (t *tenant) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
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

func (t *tenant) setEndpoint(e aim.Endpoint) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = t.endpoint == nil || *t.endpoint != e
	t.endpoint = &e
	return changed
}
