package simulator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// nullDevice is /dev/null's number. A runtime that hands a simulated GPU to a
// container needs a real character device; this one does no harm.
var nullDevice = int(unix.Mkdev(1, 3))

// makeDevices turns the plain files below dev into character devices where the
// process may make such (root, outside a user namespace); else they stay files,
// which is enough for every reader but a container runtime.
func makeDevices(dev string) error {
	return filepath.WalkDir(dev, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return makeDevice(file)
	})
}

func makeDevice(file string) error {
	fresh := file + ".new"
	err := unix.Mknod(fresh, unix.S_IFCHR|0o666, nullDevice)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "mknod", Path: fresh, Err: err}
	}
	// The umask has taken bits away; guests of any user see their devices.
	if err := os.Chmod(fresh, 0o666); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}
