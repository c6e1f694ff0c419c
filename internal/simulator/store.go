package simulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim/internal/filelock"
)

// locked runs change while no other process changes the tree.
func (t *Tree) locked(change func() error) error {
	lock, err := t.lock().Take(context.Background(), nil) // held for a millisecond at a time
	if err != nil {
		return fmt.Errorf("lock the tree: %w", err)
	}
	return errors.Join(change(), lock.Release())
}

// lock is the tree's lock file. CreateTree opens it to servers that run as
// another user: who locks must be able to write.
func (t *Tree) lock() filelock.File {
	return filelock.File{Path: filepath.Join(t.root, lockFile), Mode: lockMode}
}

const lockMode = 0o666

// replace puts new contents into place in one step: a reader sees the old or the
// new text, never half of one. Equal contents are left alone.
func (t *Tree) replace(file, text string) error {
	if old, err := os.ReadFile(file); err == nil && string(old) == text {
		return nil
	}
	staged, err := os.CreateTemp(filepath.Join(t.root, stagingDir), "*")
	if err != nil {
		return err
	}
	defer os.Remove(staged.Name()) // the old text after an exchange, or nothing
	_, err = staged.WriteString(text)
	if err := errors.Join(err, staged.Chmod(0o644), staged.Close()); err != nil {
		return err
	}
	// ext4 writes the disk before a rename over a file returns, 1 ms and more;
	// it does not before an exchange. Nothing here must survive a power cut.
	if unix.Renameat2(unix.AT_FDCWD, staged.Name(), unix.AT_FDCWD, file, unix.RENAME_EXCHANGE) == nil {
		return nil
	}
	return os.Rename(staged.Name(), file)
}

// countStart counts one more start of a served name and returns how many there
// were, this one included.
func (t *Tree) countStart(name string) (count int, err error) {
	file := filepath.Join(t.root, startsDir, url.PathEscape(name))
	err = t.locked(func() error {
		before, err := readNumber(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		count = int(before) + 1
		return t.replace(file, fmt.Sprintf("%d\n", count))
	})
	if err != nil {
		return 0, fmt.Errorf("count the start of %s: %w", name, err)
	}
	return count, nil
}
