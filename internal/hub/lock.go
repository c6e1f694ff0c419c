package hub

import (
	"context"
	"path"
	"time"

	"github.com/aim-engine/aim/internal/filelock"
	"github.com/aim-engine/aim/internal/pause"
)

// modelLock is the name of the lock that one process holds while it fetches or
// removes a model. The locks of single blobs beside it are those that
// huggingface_hub takes (flock(2)), so that it never writes to a blob together
// with us.
const modelLock = "aim"

// lock takes a lock file of the repository and waits while another process, or
// another fetch of this one, has it. The kernel lets go of it when the holder
// dies. If there is something to wait for, waiting is called, and what it returns
// when the wait is over.
func (s *store) lock(ctx context.Context, name string, waiting func() (over func())) (unlock func(), err error) {
	file := filelock.File{Root: s.root, Path: s.lockFile(name), Mode: 0o644, Flock: name != modelLock}
	if err := s.root.MkdirAll(path.Dir(file.Path), 0o755); err != nil {
		return nil, err
	}
	over := func() {}
	defer func() { over() }()
	lock, err := file.Take(ctx, func(error) {
		if waiting != nil {
			over = waiting()
		}
	})
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Release() }, nil
}

// sleep waits, or returns why ctx has ended.
func sleep(ctx context.Context, d time.Duration) error {
	if pause.For(ctx, d) != nil {
		return context.Cause(ctx)
	}
	return nil
}
