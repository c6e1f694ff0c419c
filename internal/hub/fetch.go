package hub

import (
	"context"
	"sync"
)

// parallel is how many files come at once. Hubs limit a connection, so several
// are faster than one; more than eight fill no network that one of these could
// not, and cost memory and seeks.
const parallel = 8

// fetch is one download of one model.
type fetch struct {
	api      *api
	store    *store
	progress *progress
}

// run is the fetch behind a flight: look, lock, look again, describe, choose,
// check the room, download, seal.
func (h *Hub) run(ctx context.Context, r repo, p *progress) (string, error) {
	s, err := h.open(r)
	if err != nil {
		return "", err
	}
	defer s.close()
	if snap, ok := s.complete(); ok {
		p.begin(snap.size, snap.size)
		return snap.path, nil
	}
	a, err := h.api(r)
	if err != nil {
		return "", err
	}
	a.pace.note = p.note
	path, err := h.download(ctx, &fetch{api: a, store: s, progress: p})
	if err != nil {
		return "", h.explain(ctx, r, err)
	}
	return path, nil
}

// download holds the model's lock throughout. Another process may have fetched
// the model while this one waited for the lock.
func (h *Hub) download(ctx context.Context, f *fetch) (string, error) {
	unlock, err := f.store.lock(ctx, modelLock, func() func() {
		f.progress.note("waiting for another download of this model on this node")
		return func() { f.progress.note("") }
	})
	if err != nil {
		return "", diskUnless(ctx, err)
	}
	defer unlock()
	if snap, ok := f.store.complete(); ok {
		f.progress.begin(snap.size, snap.size)
		return snap.path, nil
	}
	if err := f.store.prepare(); err != nil {
		return "", diskError{err}
	}
	if err := f.store.tryOut(); err != nil {
		return "", err
	}
	commit, files, err := f.plan(ctx)
	if err != nil {
		return "", err
	}
	todo, err := h.admit(f, commit, files)
	if err != nil {
		return "", err
	}
	if err := f.all(ctx, commit, todo); err != nil {
		return "", err
	}
	f.progress.note("complete")
	if err := f.store.seal(commit, files); err != nil {
		return "", diskError{err}
	}
	return f.store.path(commit), nil
}

// all downloads the files, a few at once. The first failure ends the others,
// which keep what they have.
func (f *fetch) all(ctx context.Context, commit string, files []file) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan file)
	var workers sync.WaitGroup
	for range min(parallel, len(files)) {
		workers.Go(func() {
			for want := range queue {
				if err := f.one(ctx, commit, want); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, want := range files {
		select {
		case queue <- want:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

// diskUnless blames the disk for an error, unless ctx has ended.
func diskUnless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return diskError{err}
}
