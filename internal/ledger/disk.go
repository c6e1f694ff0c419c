package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// save replaces a file of the ledger by this body, durably.
func save(path string, body interface{ version() int }) error {
	data, err := encode(body)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := replace(path, data); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// replace makes data the content of path: after a crash at any moment the file
// is the old one or the new one. Only when it returns nil is it surely the new.
func replace(path string, data []byte) error {
	tmp := path + ".tmp" // one name is enough: the lock keeps others away
	if err := writeSynced(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // tokens are not for everyone
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename in the directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

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
	if err := replace(kept, data); err != nil {
		return "", fmt.Errorf("keep damaged ledger: %w", err)
	}
	return kept, nil
}

// lockDir takes the directory for this process. The kernel gives it back when
// the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, inUse(dir, f)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	// The pid is for the other agent's message only; a failure to write it is no matter.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

func inUse(dir string, f *os.File) error {
	who := "another process"
	if b, err := io.ReadAll(io.LimitReader(f, 32)); err == nil && len(b) > 0 {
		who = "process " + strings.TrimSpace(string(b))
	}
	return fmt.Errorf("directory %s: %w (%s); stop it, or give this agent a directory and a node id of its own", dir, ErrInUse, who)
}
