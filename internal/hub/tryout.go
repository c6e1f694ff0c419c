package hub

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"path"

	"github.com/aim-engine/aim"
)

// tryOut finds out, before a byte of weights is asked for, whether the cache can
// do what a complete model needs of it: files, renames, and links. A file system
// without links (FUSE, CIFS and vfat mounts, some seccomp filters) gets plain
// files in the snapshot folder instead, as huggingface_hub does there; without the
// other two nothing can be kept, and the error says what was tried where.
func (s *store) tryOut() error {
	name := path.Join(s.repo.folder(), ".aim", "try-"+rand.Text())
	renamed := name + ".renamed"
	f, err := s.root.Create(name)
	if err != nil {
		return s.cannot("write files", err)
	}
	_ = f.Close()
	defer func() { _ = s.root.Remove(name) }()
	if err := s.root.Rename(name, renamed); err != nil {
		return s.cannot("rename files", err)
	}
	defer func() { _ = s.root.Remove(renamed) }()
	err = s.symlink(path.Base(renamed), name)
	if err == nil {
		_, err = s.root.Stat(name) // some mounts make links that lead nowhere
	}
	switch {
	case err == nil:
	case outOfSpace(err):
		return diskError{err}
	default:
		s.plain = true
	}
	return nil
}

func (s *store) cannot(what string, err error) error {
	if outOfSpace(err) {
		return diskError{err}
	}
	return aim.Failf(aim.ClassWeights, "the model cache %s cannot %s (%v), and nothing was fetched", s.dir, what, err).
		WithHint("look at permissions and file system of %s on the node, or give the node another folder (node.cache)", s.dir)
}

// place puts a file into a snapshot without links: by a second name where the file
// system has those, else by moving the blob. A move takes the blob from other
// revisions, which fetch it again if they need it.
func (s *store) place(commit string, f file) error {
	name := path.Join(s.snapshot(commit), f.Name)
	if s.placed(commit, f) {
		return nil
	}
	if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.root.Link(s.blob(f.Blob), name); err == nil {
		return nil
	}
	return s.root.Rename(s.blob(f.Blob), name)
}

// placed tells whether a snapshot has the file with its size, as a plain file.
func (s *store) placed(commit string, f file) bool {
	st, err := s.root.Lstat(path.Join(s.snapshot(commit), f.Name))
	return err == nil && st.Mode().IsRegular() && st.Size() == f.Size
}
