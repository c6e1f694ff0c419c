package simulator

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock takes, tests or gives back the lock of a holder file. The kernel gives it
// back by itself when the last descriptor of this opening is closed, which is
// what makes a lock a proof of life. It is flock(2), not internal/filelock's kind,
// since /proc/locks names the process behind it alone (lockOwner).
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// abandoned tells whether nobody holds the exclusive lock of the file.
func abandoned(f *os.File) bool {
	if flock(f, unix.LOCK_SH|unix.LOCK_NB) != nil {
		return false
	}
	_ = flock(f, unix.LOCK_UN) // cannot fail: the lock was just taken
	return true
}
