package catalogue

import (
	"embed"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/internal/yamlfile"
)

//go:embed models/*.yaml recipes/*.yaml
var embedded embed.FS

// places are the parts of a folder that hold files of the catalogue.
var places = []string{".", "models", "recipes"}

// folder is one source of the catalogue: the files in the binary, or a folder
// of the user.
type folder struct {
	dir    string // "" = the files in the binary
	prefix string // of its files' names, for people
}

// each visits every file of the folder. data is only valid during the visit:
// the next file is read into the same memory, so that a folder of ten thousand
// files takes no more of it than one of ten.
func (f folder) each(visit func(name string, data []byte) error) error {
	if f.dir == "" {
		return f.eachEmbedded(visit)
	}
	buffer := make([]byte, 64<<10)
	for _, place := range places {
		var err error
		if buffer, err = f.eachIn(place, buffer, visit); err != nil {
			return err
		}
	}
	return nil
}

func (f folder) eachEmbedded(visit func(name string, data []byte) error) error {
	for _, place := range places {
		files, err := embedded.ReadDir(place)
		if err != nil {
			return err
		}
		for _, e := range files {
			if e.IsDir() {
				continue
			}
			name := path.Join(place, e.Name())
			data, err := embedded.ReadFile(name)
			if err != nil {
				return err
			}
			if err := visit(name, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// names is how many directory entries are held at a time.
const names = 256

// eachIn visits the files of one place, and hands back the buffer, which grows
// with the largest file.
func (f folder) eachIn(place string, buffer []byte, visit func(name string, data []byte) error) ([]byte, error) {
	dir, err := os.Open(path.Join(f.dir, place))
	if errors.Is(err, fs.ErrNotExist) && place != "." {
		return buffer, nil
	}
	if err != nil {
		return buffer, f.unreadable(place, err)
	}
	defer dir.Close()
	for {
		found, err := dir.Readdirnames(names)
		for _, name := range found {
			if !isYAML(name) {
				continue
			}
			var n int
			if buffer, n, err = readAt(int(dir.Fd()), name, buffer); errors.Is(err, syscall.EISDIR) || errors.Is(err, fs.ErrNotExist) {
				continue // a folder, or a file that has just gone
			}
			if err != nil {
				return buffer, f.unreadable(path.Join(place, name), err)
			}
			if err := visit(path.Join(place, name), buffer[:n]); err != nil {
				return buffer, err
			}
		}
		if errors.Is(err, io.EOF) || len(found) == 0 {
			return buffer, nil
		}
		if err != nil {
			return buffer, f.unreadable(place, err)
		}
	}
}

// readAt reads a file below an open folder. Three system calls a file, and no
// os.File: with ten thousand recipes these are most of what a plan costs.
func readAt(dir int, name string, buffer []byte) ([]byte, int, error) {
	fd, err := syscall.Openat(dir, name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return buffer, 0, err
	}
	defer syscall.Close(fd)
	for n := 0; ; {
		k, err := syscall.Read(fd, buffer[n:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return buffer, 0, err
		}
		n += k
		if n < len(buffer) || n > yamlfile.MaxBytes { // less than asked for is the end of a regular file
			return buffer, n, nil
		}
		buffer = append(buffer, make([]byte, len(buffer))...)
	}
}

func (f folder) unreadable(name string, err error) error {
	return aim.Failf(aim.ClassInput, "%s%s: it cannot be read: %v", f.prefix, name, err).
		WithHint("look at its permissions")
}

// read reads one file again.
func (f folder) read(name string) ([]byte, error) {
	if f.dir == "" {
		return embedded.ReadFile(name)
	}
	return os.ReadFile(path.Join(f.dir, name))
}

// stamp tells one state of a file or a place from another.
type stamp struct {
	path string
	at   time.Time
	size int64
}

// stamped looks at a file; one that is not there has a stamp, too.
func stamped(path string) stamp {
	st, err := os.Stat(path)
	if err != nil {
		return stamp{path: path}
	}
	return stamp{path, st.ModTime(), st.Size()}
}

// stamps are those of the places of the folder: they change when a file comes
// or goes.
func (f folder) stamps() []stamp {
	if f.dir == "" {
		return nil
	}
	var all []stamp
	for _, place := range places {
		all = append(all, stamped(path.Join(f.dir, place)))
	}
	return all
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".json")
}
