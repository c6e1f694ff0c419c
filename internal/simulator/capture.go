package simulator

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// capture is /sys and /dev of a machine with 8 MI300X in SPX mode, as a tar.
// It is composed from published parts of real machines; no single machine
// produced it.
//
//go:embed asset/mi300x-8x-spx.tar.gz
var capture []byte

// image is a file tree in memory, by slash-separated path below its root. Trees
// are cut to size here, where it costs nothing, and written once.
type image map[string]entry

// entry is a folder, a symbolic link or a file.
type entry struct {
	dir  bool
	link string // target, relative to the link's own folder; "" = not a link
	data []byte
}

// readCapture unpacks the embedded machine.
func readCapture() (image, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(capture))
	if err != nil {
		return nil, fmt.Errorf("unpack the embedded machine: %w", err)
	}
	m := image{}
	for files := tar.NewReader(unzip); ; {
		head, err := files.Next()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return nil, fmt.Errorf("unpack the embedded machine: %w", err)
		}
		e := entry{dir: head.Typeflag == tar.TypeDir, link: head.Linkname}
		if head.Typeflag == tar.TypeReg {
			if e.data, err = io.ReadAll(files); err != nil {
				return nil, fmt.Errorf("unpack %s of the embedded machine: %w", head.Name, err)
			}
		}
		m[path.Clean(head.Name)] = e
	}
}

// drop removes a path and everything below it.
func (m image) drop(p string) {
	delete(m, p)
	for name := range m {
		if strings.HasPrefix(name, p+"/") {
			delete(m, name)
		}
	}
}

// dropDangling removes the links whose target has been dropped: sysfs has none.
func (m image) dropDangling() {
	for name, e := range m {
		if e.link == "" {
			continue
		}
		if _, ok := m[m.target(name)]; !ok {
			delete(m, name)
		}
	}
}

// target is the path that a link points to.
func (m image) target(link string) string {
	return path.Join(path.Dir(link), m[link].link)
}

// children lists the names directly below a folder, sorted.
func (m image) children(dir string) []string {
	var names []string
	for name := range m {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}

// write puts the image below root, folders first.
func (m image) write(root string) error {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names) // a folder sorts before what is in it
	for _, name := range names {
		if err := m[name].write(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func (e entry) write(p string) error {
	switch {
	case e.dir:
		return os.MkdirAll(p, 0o755)
	case e.link != "":
		return os.Symlink(e.link, p)
	}
	return os.WriteFile(p, e.data, 0o644)
}
