package hub

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// List names the models of which at least one revision is complete here, sorted.
// Models that other tools have fetched count too.
func (h *Hub) List() ([]string, error) {
	root, err := os.OpenRoot(filepath.Join(h.cache, "hub"))
	if err != nil {
		return nil, aim.Failf(aim.ClassWeights, "cannot open the model cache: %v", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, aim.Failf(aim.ClassWeights, "cannot list the model cache: %v", err)
	}
	var models []string
	for _, e := range entries {
		id, ok := idOf(e.Name())
		if !ok {
			continue
		}
		s := &store{repo: repo{id: id}, root: root, dir: root.Name()}
		if s.anyComplete() {
			models = append(models, id)
		}
	}
	slices.Sort(models)
	return models, nil
}

// anyComplete looks for one complete snapshot.
func (s *store) anyComplete() bool {
	snapshots, err := fs.ReadDir(s.root.FS(), s.snapshot(""))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(snapshots, func(e fs.DirEntry) bool {
		commit := e.Name()
		if !isCommit(commit) {
			return false
		}
		m, ok := s.readManifest(commit)
		if !ok {
			m, ok = s.survey(commit)
		}
		if ok {
			_, ok = s.full(m)
		}
		return ok
	})
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
