package hub

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
)

// Describe reads what a model says of itself, without fetching its weights: its
// config.json, and how many bytes of weights a server would load (0 = not
// known). It looks at a folder for an absolute path, else in the cache, and asks
// the hub last, with two or three small requests. Its failures are those of
// Fetch.
func (h *Hub) Describe(ctx context.Context, model, revision string) (config []byte, weightBytes uint64, err error) {
	if filepath.IsAbs(model) {
		path, err := h.local(model)
		if err != nil {
			return nil, 0, err
		}
		return describeFolder(model, path)
	}
	r, err := newRepo(model, revision)
	if err != nil {
		return nil, 0, err
	}
	if path, ok := h.snapshot(r); ok {
		return describeFolder(model, path)
	}
	a, err := h.api(r)
	if err != nil {
		return nil, 0, err
	}
	a.pace = a.pace.brief()
	config, weightBytes, err = a.describeModel(ctx)
	return config, weightBytes, h.explain(ctx, r, err)
}

// snapshot is the folder of a model that is complete in the cache.
func (h *Hub) snapshot(r repo) (path string, ok bool) {
	s, err := h.open(r)
	if err != nil {
		return "", false
	}
	defer s.close()
	snap, ok := s.complete()
	return snap.path, ok
}

// describeFolder reads a model that lies on this node.
func describeFolder(model, path string) ([]byte, uint64, error) {
	folder := os.DirFS(path)
	if !present(folder, configFile) && present(folder, adapterConfig) {
		if a, err := readAdapter(folder); err == nil {
			return nil, 0, aim.Failf(aim.ClassInput, "model %s is no whole model: it is a LoRA adapter for %s", model, clip(a.Base)).
				WithHint("name the model that it is for; an adapter is served from a repository: --adapter NAME=OWNER/REPOSITORY")
		}
	}
	if !present(folder, configFile) {
		return nil, 0, aim.Failf(aim.ClassMissing, "model %s has no %s", model, configFile).
			WithHint("name a repository in the Transformers format, or write a recipe for it")
	}
	if st, err := fs.Stat(folder, configFile); err == nil {
		if err := aim.CheckConfigSize(filepath.Join(path, configFile), st.Size()); err != nil {
			return nil, 0, err
		}
	}
	config, err := readAll(folder, configFile)
	if err != nil {
		return nil, 0, aim.Failf(aim.ClassWeights, "cannot read %s of model %s: %v", configFile, model, err)
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, 0, aim.Failf(aim.ClassWeights, "cannot list the files of model %s: %v", model, err)
	}
	var files []file
	for _, e := range entries {
		if st, err := fs.Stat(folder, e.Name()); err == nil && st.Mode().IsRegular() {
			files = append(files, file{Name: e.Name(), Size: st.Size()})
		}
	}
	return config, weigh(files), nil
}

// describeModel asks the hub.
func (a *api) describeModel(ctx context.Context) ([]byte, uint64, error) {
	in, err := a.describe(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range in.files {
		if f.Name != configFile {
			continue
		}
		if !f.known() {
			if f, err = a.stat(ctx, in.commit, configFile); err != nil {
				return nil, 0, err
			}
		}
		config, err := a.read(ctx, in.commit, f)
		return config, weigh(in.files), err
	}
	if err := a.part(ctx, in); err != nil {
		return nil, 0, err
	}
	return nil, 0, aim.Failf(aim.ClassMissing, "the repository holds no %s", configFile).
		WithHint("name a repository in the Transformers format, or write a recipe for it")
}

// read fetches a small file into memory.
func (a *api) read(ctx context.Context, commit string, f file) (data []byte, err error) {
	if err := aim.CheckConfigSize(f.Name+" of model "+a.repo.String(), f.Size); err != nil {
		return nil, err
	}
	err = a.pace.keep(ctx, func() (bool, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, a.pace.answer, errEndless)
		defer cancel()
		body, _, err := a.get(ctx, commit, f, 0)
		if err != nil {
			return false, err
		}
		defer body.Close()
		data, err = readAnswer(ctx, body, aim.MaxConfigBytes)
		return false, err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s of model %s: %w", f.Name, a.repo, err)
	}
	return data, nil
}

// weigh adds up the weights that a server would load, 0 where they cannot be
// told or one has no size. Of two forms at the root that hold the same weights,
// Mistral's consolidated one is left out.
func weigh(files []file) uint64 {
	weights, err := chooseWeights(files, nil)
	if err != nil {
		return 0
	}
	usual := filter(weights, func(name string) bool { return !strings.HasPrefix(name, "consolidated") })
	if len(usual) == 0 {
		usual = weights
	}
	var sum uint64
	for _, f := range usual {
		if f.Size < 0 {
			return 0
		}
		sum += uint64(f.Size)
	}
	return sum
}
