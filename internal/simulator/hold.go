package simulator

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// Hold is VRAM in use by this process, on one or more GPUs. It is a file in the
// tree's holders folder on which the process keeps an exclusive lock: when the
// process dies, however it dies and in whatever container, the lock is gone and
// the VRAM free (see Reap).
type Hold struct {
	tree *Tree

	mu     sync.Mutex // guards what follows
	file   *os.File   // nil when released
	record holder
}

// holder is the content of a holder file.
type holder struct {
	PID      int        `json:"pid"` // in PIDSpace
	PIDSpace string     `json:"pid_namespace"`
	Name     string     `json:"name"`
	GPUs     []heldVRAM `json:"gpus"`
}

// heldVRAM is one GPU of a holder.
type heldVRAM struct {
	UUID   string `json:"uuid"`
	Render int    `json:"render"`
	Bytes  uint64 `json:"bytes"`
}

// OutOfMemoryError says that a GPU has less VRAM free than was asked for.
type OutOfMemoryError struct {
	GPU   GPU
	Index int    // of the GPU among those asked for
	Asked uint64 // bytes
	Free  uint64 // bytes
}

// Error names the GPU and both sizes.
func (e *OutOfMemoryError) Error() string {
	return fmt.Sprintf("hold %d bytes of %s: only %d are free", e.Asked, e.GPU.UUID, e.Free)
}

// Hold takes bytes of VRAM on each of the GPUs, all or none, until Release or
// the end of the process. Memory is physical: where there is less free, it is
// refused with an *OutOfMemoryError. name is for people.
func (t *Tree) Hold(name string, gpus []GPU, bytes uint64) (*Hold, error) {
	h := &Hold{tree: t, record: holder{PID: os.Getpid(), PIDSpace: ownPIDSpace(), Name: name}}
	for _, g := range gpus {
		h.record.GPUs = append(h.record.GPUs, heldVRAM{UUID: g.UUID, Render: g.Render})
	}
	err := t.locked(func() error {
		if err := h.open(); err != nil {
			return err
		}
		return h.resize(bytes)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hold VRAM for %s: %w", name, err), h.Release())
	}
	return h, nil
}

// Set changes how much is held on each GPU. Where there is less free it is
// refused with an *OutOfMemoryError and nothing changes.
func (h *Hold) Set(bytes uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == nil {
		return fmt.Errorf("hold VRAM for %s: it has been released", h.record.Name)
	}
	if err := h.tree.locked(func() error { return h.resize(bytes) }); err != nil {
		return fmt.Errorf("hold %d bytes of VRAM for %s: %w", bytes, h.record.Name, err)
	}
	return nil
}

// Release frees the VRAM. Releasing twice is no error.
func (h *Hold) Release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == nil {
		return nil
	}
	err := h.tree.locked(func() error {
		gone := os.Remove(h.file.Name())
		if errors.Is(gone, os.ErrNotExist) {
			gone = nil
		}
		err := errors.Join(gone, h.file.Close())
		h.file = nil
		return errors.Join(err, h.tree.account())
	})
	if err != nil {
		return fmt.Errorf("release VRAM of %s: %w", h.record.Name, err)
	}
	return nil
}

// open makes the holder file and locks it. The caller holds the tree's lock, so
// nobody can take the file for an abandoned one in between.
func (h *Hold) open() error {
	name := filepath.Join(h.tree.root, holdersDir, rand.Text()+".json")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	h.file = file
	return flock(file, unix.LOCK_EX)
}

// resize checks the room, writes the holder file and accounts for it. The caller
// holds the tree's lock, taken after mu.
func (h *Hold) resize(bytes uint64) error {
	others, err := h.tree.holders()
	if err != nil {
		return err
	}
	delete(others, filepath.Base(h.file.Name()))
	if err := h.tree.roomFor(h.record, bytes, others); err != nil {
		return err
	}
	for i := range h.record.GPUs {
		h.record.GPUs[i].Bytes = bytes
	}
	text, err := json.Marshal(h.record)
	if err != nil {
		return err
	}
	// In place: the lock sticks to this file and would not follow a rename.
	if _, err := h.file.WriteAt(text, 0); err != nil {
		return err
	}
	if err := h.file.Truncate(int64(len(text))); err != nil {
		return err
	}
	if err := h.tree.touch(); err != nil {
		return err
	}
	return h.tree.account()
}

// roomFor tells whether every GPU of the holder has bytes free beside the others.
func (t *Tree) roomFor(h holder, bytes uint64, others map[string]holder) error {
	for i, held := range h.GPUs {
		for _, g := range t.gpus {
			if g.UUID != held.UUID {
				continue
			}
			used := idleVRAM + sumOf(others, g)
			if free := g.VRAM - min(used, g.VRAM); bytes > free {
				return &OutOfMemoryError{GPU: g, Index: i, Asked: bytes, Free: free}
			}
		}
	}
	return nil
}

// touch makes a change inside a holder file visible to Reap, which watches the
// time of the folder.
func (t *Tree) touch() error {
	// "now" may be set by whoever may write; a time of one's own only by the owner.
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	return unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(t.root, holdersDir), []unix.Timespec{now, now}, 0)
}
