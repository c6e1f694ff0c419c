package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aim-engine/aim"
	"golang.org/x/sys/unix"
)

// The files of a server's folder; the package doc says who writes which.
const (
	launchFile = "launch.json"
	lockFile   = "lock"
	serverFile = "server.json"
	exitFile   = "exit.json"
	stopFile   = "stop"
	logFile    = "server.log"
)

// folder is the place of one server's files.
type folder string

// plan is launch.json: the command, and whose it is. Launch.SecretEnv does not
// go into JSON.
type plan struct {
	Launch  aim.Launch `json:"launch"`
	Argv    []string   `json:"argv"`
	Account *account   `json:"account,omitempty"` // nil = the agent's own user
	Home    string     `json:"home,omitempty"`    // folder of that user alone; "" = the agent's home
}

// ending is exit.json.
type ending struct {
	aim.Exit
	At time.Time `json:"at"`
}

func (f folder) path(file string) string { return filepath.Join(string(f), file) }

func (f folder) name() string { return filepath.Base(string(f)) }

func (f folder) has(file string) bool {
	_, err := os.Lstat(f.path(file))
	return err == nil
}

// read fills v from a JSON file; ok is false when there is no such file. One that
// is damaged, as a power cut leaves it, is kept aside and counts as not there;
// wasDamaged remembers that it was.
func (f folder) read(file string, v any) (ok bool, err error) {
	data, err := os.ReadFile(f.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if json.Unmarshal(data, v) == nil {
		return true, nil
	}
	err = os.Rename(f.path(file), f.path(file+damagedSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // somebody else has seen it too
	}
	return false, err
}

// damagedSuffix marks a file that could not be read.
const damagedSuffix = ".damaged"

func (f folder) wasDamaged(file string) bool { return f.has(file + damagedSuffix) }

// write puts v into a JSON file. Readers see the old file or the whole new one.
func (f folder) write(file string, v any) error {
	tmp, err := f.draft(v)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	return os.Rename(tmp, f.path(file))
}

// writeNew is write for a file that must not exist; the error is then
// fs.ErrExist. Of two writers one wins.
func (f folder) writeNew(file string, v any) error {
	tmp, err := f.draft(v)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	return os.Link(tmp, f.path(file))
}

func (f folder) draft(v any) (string, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(string(f), ".draft-*")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(append(data, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		os.Remove(tmp.Name())
		return "", err
	}
	return tmp.Name(), nil
}

// errLocked means that a shim holds the folder's lock.
var errLocked = errors.New("the folder is locked")

// lock takes the folder's lock until the file is closed or the process ends. It
// is a lock of the open file, not of the process: closing another descriptor of
// the same file does not drop it, and others can ask for it without taking it.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.path(lockFile), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		err = errLocked
	}
	if err == nil {
		err = f.checkLockFile(file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// checkLockFile guards against a lock on a file that was removed, and perhaps
// made anew, between open and lock: two shims would each hold "the" lock.
func (f folder) checkLockFile(file *os.File) error {
	mine, err := file.Stat()
	if err != nil {
		return err
	}
	current, err := os.Stat(f.path(lockFile))
	if err != nil {
		return err
	}
	if !os.SameFile(mine, current) {
		return errLocked
	}
	return nil
}

// locked tells whether anybody holds the lock. It does not touch it, so it
// cannot turn away a shim that is just starting.
func (f folder) locked() (bool, error) {
	file, err := os.OpenFile(f.path(lockFile), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	query := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &query); err != nil {
		return false, fmt.Errorf("ask for the lock of %s: %w", f.path(lockFile), err)
	}
	return query.Type != unix.F_UNLCK, nil
}
