package hub

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
)

// List tells the models of which at least one revision is complete here, and the
// bytes of the largest one. Models that other tools have fetched count too.
func (h *Hub) List() (map[string]uint64, error) {
	root, err := os.OpenRoot(filepath.Join(h.cache, "hub"))
	if err != nil {
		return nil, aim.Failf(aim.ClassWeights, "cannot open the model cache: %v", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, aim.Failf(aim.ClassWeights, "cannot list the model cache: %v", err)
	}
	models := map[string]uint64{}
	for _, e := range entries {
		id, ok := idOf(e.Name())
		if !ok {
			continue
		}
		s := &store{repo: repo{id: id}, root: root, dir: root.Name()}
		if size, ok := s.largest(); ok {
			models[id] = size
		}
	}
	return models, nil
}

// largest is the size of the largest complete snapshot; ok is false when there
// is none.
func (s *store) largest() (size uint64, ok bool) {
	snapshots, err := fs.ReadDir(s.root.FS(), s.snapshot(""))
	if err != nil {
		return 0, false
	}
	for _, e := range snapshots {
		if snap, whole := s.whole(e.Name()); whole {
			size, ok = max(size, uint64(snap.size)), true
		}
	}
	return size, ok
}

// whole tells whether a snapshot is complete, by our manifest or by its files.
func (s *store) whole(commit string) (snapshot, bool) {
	if !isCommit(commit) {
		return snapshot{}, false
	}
	m, ok := s.readManifest(commit)
	if !ok {
		m, ok = s.survey(commit)
	}
	if !ok {
		return snapshot{}, false
	}
	return s.full(m)
}

// Remove deletes a model with all its revisions from the cache. It waits for a
// download of the model that is under way. Whether a server still reads the
// files is the caller's to know. A model that is not here is no error; one named
// by an absolute path is not ours to delete, a Failure of class input.
func (h *Hub) Remove(ctx context.Context, model string) error {
	if strings.HasPrefix(model, "/") {
		return aim.Failf(aim.ClassInput, "model folder %s is not part of the cache", model).
			WithHint("delete the folder yourself if it is to go")
	}
	r, err := newRepo(model, "")
	if err != nil {
		return err
	}
	s, err := h.open(r)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.root.Lstat(r.folder()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := s.lock(ctx, modelLock, nil)
	if err != nil {
		return h.explain(ctx, r, diskUnless(ctx, err))
	}
	defer unlock()
	if err := s.root.RemoveAll(r.folder()); err != nil {
		return h.explain(ctx, r, diskError{err})
	}
	return nil
}
