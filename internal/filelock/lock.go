package filelock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld means that somebody else has the lock. The error that wraps it names
// the holder where that is known.
var ErrHeld = errors.New("it is locked")

// File names a lock file. Nobody deletes one while it may be in use.
type File struct {
	Path string
	// Root bounds Path: neither names nor links lead out of it. nil is the file
	// system.
	Root *os.Root
	// Mode is that of a file which has to be made; 0 = it must be there already.
	Mode fs.FileMode
	// Flock takes flock(2) instead, for files that other programs lock that way.
	// Such a lock names no holder, and cannot be asked for without taking it.
	Flock bool
}

// At is the lock file at path, made with mode 0600 if need be.
func At(path string) File { return File{Path: path, Mode: 0o600} }

// Lock is a lock that is held until Release, or until this process ends. Keep it:
// one that nobody refers to any more is closed by the garbage collector.
type Lock struct {
	at   File
	file *os.File
}

// Try takes the lock, or fails at once: with ErrHeld when somebody has it,
// else with an error of the file system (fs.ErrNotExist where Mode is 0 and
// there is no file).
func (f File) Try() (*Lock, error) {
	file, err := f.open()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", f.Path, err)
	}
	l := &Lock{at: f, file: file}
	if err := l.take(); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Path, err)
	}
	return l, nil
}

// Take waits for the lock until ctx ends; the error is then ctx's cause. If
// there is something to wait for, waiting (nil = nobody wants to know) is called
// once, with the error that names the holder.
func (f File) Take(ctx context.Context, waiting func(error)) (*Lock, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		l, err := f.Try()
		if err == nil || !errors.Is(err, ErrHeld) {
			return l, err
		}
		if waiting != nil {
			waiting(err)
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock %s: %w", f.Path, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// Holder asks who has the lock, without taking it. No file is no holder. The
// name is as the holder has written it, for messages alone: "process 123", or
// "process 123 on HOST" of another machine, "another process" when unknown.
func (f File) Holder() (who string, held bool, err error) {
	if f.Flock {
		return "", false, fmt.Errorf("ask for the lock %s: flock(2) cannot be asked", f.Path)
	}
	file, err := f.openAs(os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("ask for the lock %s: %w", f.Path, err)
	}
	defer file.Close()
	if held, err = Held(file); err != nil || !held {
		return "", false, err
	}
	return holderIn(file), true, nil
}

// Held is Holder for a file that is open already.
func Held(file *os.File) (bool, error) {
	query := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &query); err != nil {
		return false, fmt.Errorf("ask for the lock %s: %w", file.Name(), err)
	}
	return query.Type != unix.F_UNLCK, nil
}

// Own locks a file that the caller has just made and nobody else knows: there is
// nobody to wait for. It is let go of when the file is closed.
func Own(file *os.File) error {
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return nil
}

// Release gives the lock back. A second time is an error of the closed file.
func (l *Lock) Release() error { return l.file.Close() }

// Current tells whether the lock still means anything: false when its file has
// been removed or replaced.
func (l *Lock) Current() bool {
	mine, err := l.file.Stat()
	if err != nil {
		return false
	}
	now, err := l.at.stat()
	return err == nil && os.SameFile(mine, now)
}

// take locks the open file. Who waits for a lock on a file that has lost its
// name waits for nothing, so that counts as held: the next Try opens the new one.
func (l *Lock) take() error {
	err := l.ask()
	for errors.Is(err, unix.EINTR) {
		err = l.ask()
	}
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w by %s", ErrHeld, l.holder())
	case err != nil:
		return err
	case !l.Current():
		return fmt.Errorf("%w anew: its file has been replaced", ErrHeld)
	}
	l.sign()
	return nil
}

func (l *Lock) ask() error {
	if l.at.Flock {
		return unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	return unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}

// sign writes who holds the lock, for the messages of others; a failure to do so
// is no matter.
func (l *Lock) sign() {
	if l.at.Flock || l.file.Truncate(0) != nil {
		return
	}
	host, _ := os.Hostname()
	_, _ = l.file.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), host), 0)
}

func (l *Lock) holder() string {
	if l.at.Flock {
		return unknown
	}
	return holderIn(l.file)
}

const unknown = "another process"

// holderIn reads what sign has written. Others can write to the file too, so
// that only a number and a plain host name are believed.
func holderIn(file *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 300))
	if err != nil {
		return unknown
	}
	fields := strings.Fields(string(text))
	if len(fields) == 0 {
		return unknown
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid <= 0 {
		return unknown
	}
	who := "process " + strconv.Itoa(pid)
	if here, _ := os.Hostname(); len(fields) > 1 && fields[1] != here && plainHost(fields[1]) {
		who += " on " + fields[1]
	}
	return who
}

func plainHost(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

func (f File) open() (*os.File, error) {
	if f.Mode == 0 {
		return f.openAs(os.O_RDWR)
	}
	return f.openAs(os.O_RDWR | os.O_CREATE)
}

func (f File) openAs(flags int) (*os.File, error) {
	if f.Root != nil {
		return f.Root.OpenFile(f.Path, flags, f.Mode)
	}
	return os.OpenFile(f.Path, flags, f.Mode)
}

func (f File) stat() (os.FileInfo, error) {
	if f.Root != nil {
		return f.Root.Stat(f.Path)
	}
	return os.Stat(f.Path)
}
