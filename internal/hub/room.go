package hub

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/aim-engine/aim"
)

// freeBytes is what an ordinary user may still write to the cache's file system.
func freeBytes(root *os.Root) (uint64, error) {
	dir, err := root.Open(".")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", root.Name(), err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// checkRoom refuses a fetch that cannot fit before its first byte.
func (h *Hub) checkRoom(s *store, missing int64) error {
	free, err := h.free(s.root)
	if err != nil {
		return diskError{err}
	}
	if uint64(missing) <= free {
		return nil
	}
	return h.noRoom(s.repo, uint64(missing), free)
}

// noRoom is the failure of a full disk, with the numbers in bytes.
func (h *Hub) noRoom(r repo, needed, available uint64) *aim.Failure {
	f := aim.Failf(aim.ClassDisk, "model %s needs %s more in %s, where %s are free", r, size(needed), h.cache, size(available)).
		WithHint("free some space on the node, for example with: aim model remove MODEL")
	f.NeededBytes, f.AvailableBytes = needed, available
	return f
}

// outOfSpace tells whether an error says that the disk, or a quota on it, is full.
func outOfSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// size writes bytes for people, in powers of 1024.
func size(n uint64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
