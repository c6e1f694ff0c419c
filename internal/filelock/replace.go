package filelock

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// Replace makes data the content of the file at path, with this mode. A writer
// that is killed leaves a file .NAME<digits> beside it, which Sweep deletes.
func Replace(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	draft, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(mode))
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	defer draft.Cleanup() // deletes it unless it has got its name
	_, err = draft.Write(data)
	if err == nil {
		err = draft.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return SyncFolder(dir)
}

// Sweep deletes what killed writers have left of Replace for this path. Only who
// holds a lock that keeps other writers away may call it.
func Sweep(path string) error {
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dir, err)
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if _, err := strconv.ParseUint(digits, 10, 64); !ok || err != nil || !e.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep %s: %w", dir, err)
		}
	}
	return nil
}

// SyncFolder makes what has been created, renamed and removed in a folder last
// through a power cut.
func SyncFolder(dir string) error {
	return syncFolder(os.Open(dir))
}

// ReplaceIn is Replace for a slash-separated name below root. What a killed
// writer leaves lies in the folder scratch, which is on the same file system.
func ReplaceIn(root *os.Root, scratch, name string, data []byte, mode fs.FileMode) error {
	draft := path.Join(scratch, "."+path.Base(name)+strconv.FormatInt(rand.Int64(), 10))
	f, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err == nil {
		err = root.Rename(draft, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", name, err), root.Remove(draft))
	}
	return SyncFolderIn(root, path.Dir(name))
}

// SyncFolderIn is SyncFolder below root.
func SyncFolderIn(root *os.Root, dir string) error {
	return syncFolder(root.Open(dir))
}

// syncFolder takes a file system that cannot sync a folder (some FUSE and CIFS
// mounts answer EINVAL) for one on which nothing better can be had.
func syncFolder(d *os.File, err error) error {
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
