package amdgpu

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Dump writes a tar.gz of exactly the files below sys/ that Detect reads, with
// the links and folders among them. Unpacked into an empty folder, that folder
// is a root that New accepts and that gives the same Detection. Files that
// refuse to be read are written empty with mode 000.
//
// Unless withSerials is set, hardware ids (unique_id, hive_id) are replaced by
// pseudonyms: the same id gives the same one in every dump, and equal ids stay
// equal within it.
func (r *Reader) Dump(ctx context.Context, w io.Writer, withSerials bool) error {
	entries, err := r.record(ctx)
	if err != nil {
		return fmt.Errorf("dump GPU files: %w", err)
	}
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if !withSerials {
			e.content = hideSerials(name, e.content)
		}
		if err := writeEntry(out, name, e); err != nil {
			return fmt.Errorf("dump GPU files: write %s: %w", name, err)
		}
	}
	if err := errors.Join(out.Close(), zip.Close()); err != nil {
		return fmt.Errorf("dump GPU files: %w", err)
	}
	return nil
}

// Files lists what Dump writes, in order of name.
func (r *Reader) Files(ctx context.Context) ([]string, error) {
	entries, err := r.record(ctx)
	if err != nil {
		return nil, fmt.Errorf("list GPU files: %w", err)
	}
	return slices.Sorted(maps.Keys(entries)), nil
}

// record runs Detect and returns what it read, by name. It is a copy: a read that
// hangs may still come back and be recorded.
func (r *Reader) record(ctx context.Context) (map[string]entry, error) {
	tree, err := r.tree()
	if err != nil {
		return nil, err
	}
	rec := &recorder{tree: tree, entries: map[string]entry{}}
	if _, err := r.detect(ctx, rec); err != nil {
		return nil, err
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return maps.Clone(rec.entries), nil
}

// entry is one thing that was read: a folder, a link (to), or a file.
type entry struct {
	folder  bool
	to      string
	content []byte
	refused bool
}

// recorder is an FS that remembers what was read of another. Only what is below
// sys/ is kept: names of processes are nobody's business.
type recorder struct {
	tree FS

	mu      sync.Mutex
	entries map[string]entry
}

func (r *recorder) keep(name string, e entry) {
	if !strings.HasPrefix(name, "sys/") {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[name] = e
}

func (r *recorder) ReadFile(name string, buf []byte) ([]byte, error) {
	b, err := r.tree.ReadFile(name, buf)
	switch {
	case err == nil:
		r.keep(name, entry{content: slices.Clone(b)})
	case errors.Is(err, fs.ErrPermission):
		r.keep(name, entry{refused: true})
	}
	return b, err
}

func (r *recorder) ReadDir(name string) ([]string, error) {
	names, err := r.tree.ReadDir(name)
	if err == nil {
		r.keep(name, entry{folder: true})
	}
	return names, err
}

func (r *recorder) ReadLink(name string) (string, error) {
	to, err := r.tree.ReadLink(name)
	if err == nil {
		r.keep(name, entry{to: to})
	}
	return to, err
}

func writeEntry(out *tar.Writer, name string, e entry) error {
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o444, Size: int64(len(e.content)), ModTime: time.Unix(0, 0)}
	switch {
	case e.folder:
		h.Typeflag, h.Mode, h.Name = tar.TypeDir, 0o755, name+"/"
	case e.to != "":
		h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, e.to
	case e.refused:
		h.Mode = 0
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err := out.Write(e.content)
	return err
}
