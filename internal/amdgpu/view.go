package amdgpu

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// view is one goroutine's sight of the tree: it owns the buffer that files are
// read into, and remembers which file is being read, for the report of a hang.
type view struct {
	fs  FS
	buf []byte
	at  atomic.Pointer[string]
}

// bytes returns the file's content, without the white space around it. It is
// overwritten by the next read.
func (v *view) bytes(name string) ([]byte, error) {
	v.at.Store(&name)
	b, err := v.fs.ReadFile(name, v.buf)
	if err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b), nil
}

func (v *view) text(name string) fact[string] {
	b, err := v.bytes(name)
	if err != nil {
		return missing[string](because(path.Base(name), err))
	}
	if len(b) == 0 {
		return missing[string](path.Base(name) + " is empty")
	}
	return known(string(b))
}

// number reads an unsigned 64-bit decimal.
func (v *view) number(name string) fact[uint64] {
	b, err := v.bytes(name)
	if err != nil {
		return missing[uint64](because(path.Base(name), err))
	}
	n, ok := decimal(b)
	if !ok {
		return missing[uint64](path.Base(name) + " is not a number: " + strconv.Quote(clip(b)))
	}
	return known(n)
}

func (v *view) list(name string) ([]string, error) {
	v.at.Store(&name)
	return v.fs.ReadDir(name)
}

// follow returns where a link of the tree leads, as a path of the tree. sysfs
// links are relative; anything else than such a link is returned as it is.
func (v *view) follow(name string) string {
	v.at.Store(&name)
	target, err := v.fs.ReadLink(name)
	if err != nil || path.IsAbs(target) {
		return name
	}
	to := path.Join(path.Dir(name), target)
	if strings.HasPrefix(to, "..") {
		return name
	}
	return to
}

// fact is a value, or the reason why it is not known. The zero fact is not
// known.
type fact[T any] struct {
	value T
	ok    bool
	why   string // if not ok
}

func known[T any](v T) fact[T]          { return fact[T]{value: v, ok: true} }
func missing[T any](why string) fact[T] { return fact[T]{why: why} }
func (f fact[T]) known() bool           { return f.ok }

// or is the other fact where this one is not known and the other is.
func (f fact[T]) or(other fact[T]) fact[T] {
	if f.known() || !other.known() {
		return f
	}
	return other
}

// because puts a read error into words; name is as much of the path as the
// reader of the words needs.
func because(name string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return name + " is absent"
	case errors.Is(err, syscall.EPERM):
		return name + ": operation not permitted"
	case errors.Is(err, fs.ErrPermission):
		return name + ": permission denied"
	}
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return name + ": " + err.Error()
}

// properties yields the "name value" lines of a KFD file. Lines of any other
// form are passed over: the lists grow with the kernel.
func properties(b []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for line := range bytes.Lines(b) {
			name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
			if ok && !yield(name, bytes.TrimSpace(value)) {
				return
			}
		}
	}
}

func decimal(b []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(b), 10, 64)
	return n, err == nil
}

// hexadecimal parses with or without 0x.
func hexadecimal(b []byte) (uint64, bool) {
	b = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte("0x")), []byte("0X"))
	n, err := strconv.ParseUint(string(b), 16, 64)
	return n, err == nil
}

// clip shortens foreign text for a message.
func clip(b []byte) string {
	const most = 40
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
