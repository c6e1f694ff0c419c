package amdgpu

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aim-engine/aim"
)

// maxFile bounds what is read of one file, in bytes. The longest file of
// interest is the list of bad pages: 1,800 of them fit, far more than a GPU in
// service may have.
const maxFile = 64 << 10

// FS is how a Reader sees a machine. Names are slash-separated paths relative to
// the folder above sys/ ("sys/module/amdgpu/version"). Errors are those of the
// system: a missing file is fs.ErrNotExist, a refused one fs.ErrPermission.
// Methods are called from several goroutines.
//
// It is not io/fs.FS, because reading 1,200 small files through that costs a
// file handle and a fresh 4 KiB buffer for each.
type FS interface {
	// ReadFile returns the first 64 KiB of the file, in buf's memory as far as
	// they fit there.
	ReadFile(name string, buf []byte) ([]byte, error)
	// ReadDir lists the names in a folder, in any order.
	ReadDir(name string) ([]string, error)
	// ReadLink returns where a symbolic link points to.
	ReadLink(name string) (string, error)
}

// disk is the FS of a real folder. sys holds what is below sys/, so that root
// can be sys/ itself; rest holds dev/ and proc/, "" if there is no such place.
type disk struct {
	sys, rest string
}

func openDisk(root string) (disk, error) {
	if root == "" {
		root = "/"
	}
	root = filepath.Clean(root)
	if isDir(filepath.Join(root, "sys")) {
		return disk{sys: filepath.Join(root, "sys"), rest: root}, nil
	}
	for _, part := range []string{"class", "bus", "devices", "module"} {
		if !isDir(filepath.Join(root, part)) {
			continue
		}
		if filepath.Base(root) == "sys" {
			return disk{sys: root, rest: filepath.Dir(root)}, nil
		}
		return disk{sys: root}, nil
	}
	return disk{}, aim.Failf(aim.ClassInput, "read GPUs: %s is neither sys/ nor a folder that holds it", root).
		WithHint("check the sysfs root: it is / on a machine, or where the host's /sys is mounted in a container")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (d disk) path(name string) (string, error) {
	if below, ok := strings.CutPrefix(name, "sys/"); ok {
		return d.sys + "/" + below, nil
	}
	if d.rest == "" {
		return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return d.rest + "/" + name, nil
}

// ReadFile uses the system calls directly: os.Open would register each file with
// the poller. O_NONBLOCK keeps a pipe in a foreign tree from blocking the open.
func (d disk) ReadFile(name string, buf []byte) ([]byte, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	fd, err := ignoreEINTR(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	})
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	return readAll(buf, func(p []byte) (int, error) {
		return ignoreEINTR(func() (int, error) { return syscall.Read(fd, p) })
	})
}

// readAll fills buf, and grows it up to maxFile, until read returns 0.
func readAll(buf []byte, read func([]byte) (int, error)) ([]byte, error) {
	out := buf[:0]
	for len(out) < maxFile {
		if len(out) == cap(out) {
			out = append(make([]byte, 0, 2*cap(out)+512), out...)
		}
		n, err := read(out[len(out):min(cap(out), maxFile)])
		if err != nil || n == 0 {
			return out, err
		}
		out = out[:len(out)+n]
	}
	return out, nil
}

func ignoreEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != syscall.EINTR {
			return n, err
		}
	}
}

func (d disk) ReadDir(name string) ([]string, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (d disk) ReadLink(name string) (string, error) {
	path, err := d.path(name)
	if err != nil {
		return "", err
	}
	return os.Readlink(path)
}
