package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/aim-engine/aim"
)

// reportEvery is how often a waiting caller hears of progress, also when there
// is none, so that a heartbeat can be built on it.
const reportEvery = 250 * time.Millisecond

// flight is one fetch under way in this process and those who wait for it.
type flight struct {
	hub      *Hub
	repo     repo
	waiters  int // guarded by hub.mu
	cancel   context.CancelFunc
	progress progress

	done chan struct{} // closed when path and err are set
	path string
	err  error
}

// board joins the flight for the repository, or starts it. The flight does not
// hang on the context of whoever came first.
func (h *Hub) board(r repo) *flight {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f := h.flights[r]; f != nil {
		f.waiters++
		return f
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &flight{hub: h, repo: r, waiters: 1, cancel: cancel, done: make(chan struct{})}
	h.flights[r] = f
	go func() {
		defer close(f.done)
		f.path, f.err = h.run(ctx, r, &f.progress)
		h.land(f)
	}()
	return f
}

// land takes the flight off the list, so that a later caller starts a new one.
func (h *Hub) land(f *flight) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.cancel()
	if h.flights[f.repo] == f {
		delete(h.flights, f.repo)
	}
}

// wait reports progress until the flight is over or ctx is. The last one to
// leave ends the flight and stays until it has ended: nothing of a fetch goes on
// behind its callers.
func (f *flight) wait(ctx context.Context, report func(aim.Progress)) (string, error) {
	if report == nil {
		report = func(aim.Progress) {}
	}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-f.done:
			report(f.progress.get())
			return f.path, f.err
		case <-tick.C:
			report(f.progress.get())
		case <-ctx.Done():
			f.leave()
			return "", fmt.Errorf("fetch model %s: %w", f.repo, context.Cause(ctx))
		}
	}
}

// leave takes one caller off. A flight without callers is taken off the list at
// once: who comes now must not join a fetch that is being ended.
func (f *flight) leave() {
	f.hub.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && f.hub.flights[f.repo] == f {
		delete(f.hub.flights, f.repo)
	}
	f.hub.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
}
