package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"syscall"
	"time"
)

// modelLock is the name of the lock that one process holds while it fetches or
// removes a model. The locks of single blobs beside it are those that
// huggingface_hub takes, so that it never writes to a blob together with us.
const modelLock = "aim"

// lock takes a lock file of the repository and waits while another process, or
// another fetch of this one, has it. The kernel lets go of it when the holder
// dies. If there is something to wait for, waiting is called, and what it returns
// when the wait is over.
func (s *store) lock(ctx context.Context, name string, waiting func() (over func())) (unlock func(), err error) {
	file := s.lockFile(name)
	if err := s.root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return nil, err
	}
	over := func() {}
	defer func() { over() }()
	for delay := 5 * time.Millisecond; ; delay = min(2*delay, 200*time.Millisecond) {
		f, err := s.tryLock(file)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		if f != nil {
			return func() { f.Close() }, nil // closing lets go
		}
		if waiting != nil {
			over, waiting = waiting(), nil
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
	}
}

// tryLock returns nil without an error when somebody else has the lock. A lock
// on a file that its former holder has deleted meanwhile locks nothing, so the
// name must still lead to the same file.
func (s *store) tryLock(name string) (*os.File, error) {
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil && !s.same(f, name) {
		err = syscall.EWOULDBLOCK
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return nil, nil
	}
	return nil, err
}

// same tells whether the name still leads to the open file.
func (s *store) same(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := s.root.Stat(name)
	return err == nil && os.SameFile(mine, now)
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
