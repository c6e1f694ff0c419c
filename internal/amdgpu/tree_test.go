package amdgpu

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// memTree is a tree in memory: an FS whose files can also refuse to be read, or
// hang, which no archive can hold.
type memTree struct {
	files map[string]string
	links map[string]string
	errs  map[string]error         // by path: what reading it returns
	hang  map[string]chan struct{} // by path: reads wait until it is closed

	once sync.Once
	dirs map[string][]string // built at the first read

	mu    sync.Mutex
	reads map[string]int
}

func newTree() *memTree {
	return &memTree{
		files: map[string]string{}, links: map[string]string{},
		errs: map[string]error{}, hang: map[string]chan struct{}{},
		reads: map[string]int{},
	}
}

// copy is a tree of its own with the same content.
func (t *memTree) copy() *memTree {
	c := newTree()
	maps.Copy(c.files, t.files)
	maps.Copy(c.links, t.links)
	maps.Copy(c.errs, t.errs)
	return c
}

// remove deletes a file, a link, or a folder with all that is in it.
func (t *memTree) remove(name string) {
	for _, m := range []map[string]string{t.files, t.links} {
		maps.DeleteFunc(m, func(p, _ string) bool { return p == name || strings.HasPrefix(p, name+"/") })
	}
}

func (t *memTree) index() {
	t.dirs = map[string][]string{}
	seen := map[string]bool{}
	for _, m := range []map[string]string{t.files, t.links} {
		for name := range m {
			for ; name != "." && !seen[name]; name = path.Dir(name) {
				seen[name] = true
				t.dirs[path.Dir(name)] = append(t.dirs[path.Dir(name)], path.Base(name))
			}
		}
	}
}

// resolve follows the links among the folders of a path, as the system does; the
// last element is followed unless it is what is asked for.
func (t *memTree) resolve(name string, last bool) string {
	done := "."
	rest := name
	for hops := 0; rest != "" && hops < 100; {
		var head string
		head, rest, _ = strings.Cut(rest, "/")
		next := path.Join(done, head)
		if to, ok := t.links[next]; ok && (rest != "" || last) {
			rest = path.Join(path.Dir(next), to) + "/" + rest
			rest = strings.TrimSuffix(rest, "/")
			done, hops = ".", hops+1
			continue
		}
		done = next
	}
	return done
}

func (t *memTree) ReadFile(name string, buf []byte) ([]byte, error) {
	t.once.Do(t.index)
	name = t.resolve(name, true)
	t.mu.Lock()
	t.reads[name]++
	t.mu.Unlock()
	if c := t.hang[name]; c != nil {
		<-c
	}
	if err := t.errs[name]; err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	text, ok := t.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	return append(buf[:0], text[:min(len(text), maxFile)]...), nil
}

// read tells how often a file was read.
func (t *memTree) read(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reads[name]
}

func (t *memTree) ReadDir(name string) ([]string, error) {
	t.once.Do(t.index)
	name = t.resolve(name, true)
	if err := t.errs[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	names, ok := t.dirs[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	return slices.Clone(names), nil
}

func (t *memTree) ReadLink(name string) (string, error) {
	t.once.Do(t.index)
	if to, ok := t.links[t.resolve(name, false)]; ok {
		return to, nil
	}
	return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
}

// eachEntry goes through an archive of testdata.
func eachEntry(tb testing.TB, archive io.Reader, do func(h *tar.Header, content string)) {
	tb.Helper()
	zip, err := gzip.NewReader(archive)
	if err != nil {
		tb.Fatal(err)
	}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			tb.Fatal(err)
		}
		do(h, string(content))
	}
}

func openArchive(tb testing.TB, name string) io.Reader {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".tar.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

// loadTree reads an archive of testdata into memory.
func loadTree(tb testing.TB, name string) *memTree {
	tb.Helper()
	t := newTree()
	eachEntry(tb, openArchive(tb, name), func(h *tar.Header, content string) {
		switch at := path.Clean(h.Name); h.Typeflag {
		case tar.TypeReg:
			t.files[at] = content
		case tar.TypeSymlink:
			t.links[at] = h.Linkname
		}
	})
	return t
}

// unpack writes an archive to a fresh folder of the disk.
func unpack(tb testing.TB, archive io.Reader) string {
	tb.Helper()
	root := tb.TempDir()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	eachEntry(tb, archive, func(h *tar.Header, content string) {
		at := filepath.Join(root, filepath.FromSlash(h.Name))
		must(os.MkdirAll(filepath.Dir(at), 0o755))
		switch h.Typeflag {
		case tar.TypeDir:
			must(os.MkdirAll(at, 0o755))
		case tar.TypeReg:
			must(os.WriteFile(at, []byte(content), fs.FileMode(h.Mode)))
		case tar.TypeSymlink:
			must(os.Symlink(h.Linkname, at))
		}
	})
	return root
}
