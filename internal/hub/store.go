package hub

import (
	"crypto/rand"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/filelock"
)

// store is one repository's part of the cache. All names go through an os.Root,
// so that neither a hub nor a server that can write to the cache can lead this
// process out of it by names or links.
type store struct {
	repo repo
	root *os.Root // HF_HOME/hub
	dir  string   // its absolute path

	symlink func(target, name string) error
	plain   bool // the file system has no links: snapshots hold the files themselves
}

// open opens the repository's part of the cache, which need not exist yet.
func (h *Hub) open(r repo) (*store, error) {
	dir := filepath.Join(h.cache, "hub")
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, aim.Failf(aim.ClassWeights, "cannot open the model cache: %v", err).
			WithHint("make the folder %s on the node", dir)
	}
	return &store{repo: r, root: root, dir: dir, symlink: func(target, name string) error { return h.symlink(root, target, name) }}, nil
}

func (s *store) close() { s.root.Close() }

// Names inside the cache. The manifest folder also holds what is being written,
// because it is on the same file system and no other tool looks there.
func (s *store) blob(blob string) string    { return path.Join(s.repo.folder(), "blobs", blob) }
func (s *store) part(blob string) string    { return s.blob(blob) + ".incomplete" }
func (s *store) snapshot(c string) string   { return path.Join(s.repo.folder(), "snapshots", c) }
func (s *store) ref(revision string) string { return path.Join(s.repo.folder(), "refs", revision) }
func (s *store) manifest(c string) string {
	if s.repo.kind != "" {
		c += "." + string(s.repo.kind) // less than a whole model, and never to be taken for one
	}
	return path.Join(s.repo.folder(), ".aim", c+".json")
}
func (s *store) scratch() string { return path.Join(s.repo.folder(), ".aim", rand.Text()) }
func (s *store) lockFile(name string) string {
	return path.Join(".locks", s.repo.folder(), name+".lock")
}

// path is the absolute path of a snapshot.
func (s *store) path(commit string) string {
	return filepath.Join(s.dir, filepath.FromSlash(s.snapshot(commit)))
}

// commit is what the revision stands for in this cache, "" when that is unknown.
func (s *store) commit() string {
	if isCommit(s.repo.revision) {
		return s.repo.revision
	}
	data, err := s.root.ReadFile(s.ref(s.repo.revision))
	if commit := strings.TrimSpace(string(data)); err == nil && isCommit(commit) {
		return commit
	}
	return ""
}

// has tells whether the content is here in full. Blobs get their name only when
// they are complete, by us and by huggingface_hub alike.
func (s *store) has(f file) bool {
	st, err := s.root.Stat(s.blob(f.Blob))
	return err == nil && st.Mode().IsRegular() && st.Size() == f.Size
}

// begun is how many bytes an earlier, interrupted download has left.
func (s *store) begun(f file) int64 {
	st, err := s.root.Stat(s.part(f.Blob))
	if err != nil || st.Size() > f.Size {
		return 0
	}
	return st.Size()
}

// link puts a file into the snapshot.
func (s *store) link(commit string, f file) error {
	if s.plain {
		return s.place(commit, f)
	}
	name := path.Join(s.snapshot(commit), f.Name)
	target := strings.Repeat("../", 2+strings.Count(f.Name, "/")) + "blobs/" + f.Blob
	if old, err := s.root.Readlink(name); err == nil && old == target {
		return nil
	}
	if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	scratch := s.scratch()
	if err := s.symlink(target, scratch); err != nil {
		return err
	}
	return s.root.Rename(scratch, name)
}

// setRef records what a branch or tag stands for; a commit stands for itself.
func (s *store) setRef(commit string) error {
	if s.repo.revision == commit {
		return nil
	}
	return s.replace(s.ref(s.repo.revision), []byte(commit))
}

// replace writes a small file so that it is there in full or not at all.
func (s *store) replace(name string, data []byte) error {
	if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	return filelock.ReplaceIn(s.root, path.Dir(s.scratch()), name, data, 0o644)
}

// prepare makes the folders that every download writes to.
func (s *store) prepare() error {
	for _, dir := range []string{"blobs", "snapshots", ".aim"} {
		if err := s.root.MkdirAll(path.Join(s.repo.folder(), dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// folder is a snapshot as a file system whose links may lead anywhere in the
// cache, but not out of it.
func (s *store) folder(commit string) (fs.FS, error) {
	return fs.Sub(s.root.FS(), s.snapshot(commit))
}
