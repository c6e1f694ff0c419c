package hub

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Beside reads those of the named small files that the model has beside its
// config.json, without fetching weights: in its folder, in the cache, or on the
// hub. What cannot be read is left out: these files only add to what Describe
// says.
func (h *Hub) Beside(ctx context.Context, model, revision string, names []string) map[string][]byte {
	if filepath.IsAbs(model) {
		path, err := h.local(model)
		if err != nil {
			return nil
		}
		return besideIn(os.DirFS(path), names)
	}
	r, err := newRepo(model, revision)
	if err != nil {
		return nil
	}
	if path, ok := h.snapshot(r); ok {
		return besideIn(os.DirFS(path), names)
	}
	a, err := h.api(r)
	if err != nil {
		return nil
	}
	a.pace = a.pace.brief()
	in, err := a.describe(ctx)
	if err != nil {
		return nil
	}
	found := map[string][]byte{}
	for _, f := range in.files {
		if !slices.Contains(names, f.Name) {
			continue
		}
		if !f.known() {
			if f, err = a.stat(ctx, in.commit, f.Name); err != nil {
				continue
			}
		}
		if data, err := a.read(ctx, in.commit, f); err == nil {
			found[f.Name] = data
		}
	}
	return found
}

func besideIn(folder fs.FS, names []string) map[string][]byte {
	found := map[string][]byte{}
	for _, name := range names {
		if !present(folder, name) {
			continue
		}
		if data, err := readAll(folder, name); err == nil {
			found[name] = data
		}
	}
	return found
}
