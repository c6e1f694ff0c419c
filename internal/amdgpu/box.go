package amdgpu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errSlow is the cause of a context whose time box has run out, as opposed to a
// caller who gave up.
var errSlow = errors.New("the time box ran out")

// box bounds reads in time. A read from sysfs cannot be interrupted: while the
// driver resets a GPU, or firmware does not answer, it sleeps in the kernel and
// ignores signals. So each device is read by a goroutine of its own, which is
// left behind when it hangs; the device is not read again before that one has
// come back, so that a dead GPU costs one thread and not one a poll.
type box struct {
	limit time.Duration
	views sync.Pool // *view, for their buffers

	mu    sync.Mutex
	stuck map[string]*view // by key: what was left behind
}

// deadline starts the clock of reads that run at the same time.
func (b *box) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, b.limit, errSlow)
}

// pending is a read that has been started.
type pending[T any] struct {
	box  *box
	key  string
	view *view
	done chan T // buffered: a reader left behind must be able to end
	err  error  // it was not started
}

// launch starts to read in a goroutine. The key names the device: while an
// earlier read of the same key hangs, no other is started.
func launch[T any](b *box, fs FS, key string, read func(*view) T) pending[T] {
	if err := b.hanging(key); err != nil {
		return pending[T]{err: err}
	}
	v, ok := b.views.Get().(*view)
	if !ok {
		v = &view{buf: make([]byte, 0, 4096)}
	}
	v.fs = fs
	v.at.Store(&key)
	p := pending[T]{box: b, key: key, view: v, done: make(chan T, 1)}
	go func() {
		p.done <- read(v)
		b.returned(key, v)
	}()
	return p
}

// boxed reads one thing within a time box of its own.
func boxed[T any](ctx context.Context, b *box, fs FS, key string, read func(*view) T) (T, error) {
	ctx, cancel := b.deadline(ctx)
	defer cancel()
	return launch(b, fs, key, read).wait(ctx)
}

// wait returns what was read, or an error naming the file that does not answer.
func (p pending[T]) wait(ctx context.Context) (T, error) {
	var none T
	if p.err != nil {
		return none, p.err
	}
	select {
	case v := <-p.done:
		return v, nil
	case <-ctx.Done():
	}
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	select {
	case v := <-p.done: // it came in the last moment
		return v, nil
	default:
	}
	if !errors.Is(context.Cause(ctx), errSlow) {
		time.AfterFunc(p.box.limit, p.leave) // the caller gave up, which says nothing about the device
		return none, context.Cause(ctx)
	}
	p.box.mark(p.key, p.view)
	return none, fmt.Errorf("%s has not answered for %v", *p.view.at.Load(), p.box.limit)
}

// leave marks the device of a read that nobody waits for any more and that has not
// come back within the time box.
func (p pending[T]) leave() {
	p.box.mu.Lock()
	defer p.box.mu.Unlock()
	if len(p.done) == 0 {
		p.box.mark(p.key, p.view)
	}
}

// mark says that a read of the device hangs. The caller holds the lock.
func (b *box) mark(key string, v *view) {
	if b.stuck == nil {
		b.stuck = map[string]*view{}
	}
	b.stuck[key] = v
}

func (b *box) hanging(key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v := b.stuck[key]; v != nil {
		return fmt.Errorf("%s still does not answer", *v.at.Load())
	}
	return nil
}

// returned takes the view back. The result is in the channel by now, so that
// wait, which holds the lock, either sees it or marks the key before this
// unmarks it.
func (b *box) returned(key string, v *view) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stuck[key] == v {
		delete(b.stuck, key)
	}
	v.fs = nil
	b.views.Put(v)
}
