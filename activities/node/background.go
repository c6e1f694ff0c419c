package node

import "sync"

// background owns the goroutines that outlive the call that has started them:
// monitors of servers, and what they ask. Whoever ends the node's life waits for
// them, so that none reads or writes what has been closed.
type background struct {
	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup
}

// run runs f beside the caller. f ends soon after the node's life has; one that
// comes later still is run at once, since nobody would wait for it.
func (b *background) run(f func()) {
	b.mu.Lock()
	closed := b.closed
	if !closed {
		b.work.Go(f)
	}
	b.mu.Unlock()
	if closed {
		f()
	}
}

// wait returns when all that was run has ended.
func (b *background) wait() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.work.Wait()
}
