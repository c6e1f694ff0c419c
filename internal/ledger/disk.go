package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aim-engine/aim/internal/filelock"
)

// save replaces a file of the ledger by this body, durably. Writes of an open
// ledger go through Ledger.save.
func save(path string, body interface{ version() int }) error {
	data, err := encode(body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := filelock.Replace(path, data, fileMode); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// fileMode is that of the files: tokens are not for everyone.
const fileMode = 0o600

// keepAside stores a bad file's bytes under the first free <path>.bad-<n>.
func keepAside(path string, data []byte) (kept string, err error) {
	for n := 1; ; n++ {
		kept = fmt.Sprintf("%s.bad-%d", path, n)
		if _, err := os.Lstat(kept); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", fmt.Errorf("keep damaged ledger: %w", err)
		}
	}
	if err := filelock.Replace(kept, data, fileMode); err != nil {
		return "", fmt.Errorf("keep damaged ledger: %w", err)
	}
	return kept, nil
}

// lockDir takes the directory for this process. The kernel gives it back when
// the process ends, however it ends.
func lockDir(dir string) (*filelock.Lock, error) {
	lock, err := filelock.At(filepath.Join(dir, lockFile)).Try()
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("directory %s: %w (%w); stop it, or give this agent a directory and a node id of its own", dir, ErrInUse, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return lock, nil
}
