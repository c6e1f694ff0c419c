package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aim-engine/aim"
)

// cleanRoots checks the allowed folders.
func cleanRoots(roots []string) ([]string, error) {
	var clean []string
	for _, root := range roots {
		if !filepath.IsAbs(root) {
			return nil, aim.Failf(aim.ClassInput, "model folder %q must be an absolute path", root)
		}
		clean = append(clean, filepath.Clean(root))
	}
	return clean, nil
}

// local adopts a model that lies on this node already: the folder itself is the
// answer, with links resolved, so that what was checked is what a server sees.
// It must lie below an allowed root before and after links are followed, and be
// whole.
func (h *Hub) local(model string) (string, error) {
	model = filepath.Clean(model)
	root, name, ok := below(h.localRoots, model)
	if !ok {
		return "", aim.Failf(aim.ClassInput, "model folder %s is not below a folder that this node allows", model).
			WithHint("%s", h.allowed())
	}
	err := inspect(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", aim.Failf(aim.ClassMissing, "model folder %s does not exist on this node", model).
			WithHint("copy the model there, or deploy it by its hub id")
	}
	if err != nil {
		return "", aim.Failf(aim.ClassWeights, "model folder %s cannot be used: %v", model, err).
			WithHint("copy the model there again, in full")
	}
	real, err := filepath.EvalSymlinks(model)
	if err != nil {
		return "", aim.Failf(aim.ClassMissing, "model folder %s: %v", model, err)
	}
	return real, nil
}

// inspect looks at a folder below root; links that leave root are refused.
func inspect(root, name string) error {
	r, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer r.Close()
	st, err := r.Stat(name)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return errors.New("it is not a folder")
	}
	folder, err := fs.Sub(r.FS(), filepath.ToSlash(name))
	if err != nil {
		return err
	}
	return whole(folder)
}

// below finds the allowed root that path lies in, and its name there.
func below(roots []string, path string) (root, name string, ok bool) {
	for _, root := range roots {
		if name, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(name) {
			return root, name, true
		}
	}
	return "", "", false
}

// allowed is the hint for a folder that may not be used.
func (h *Hub) allowed() string {
	if len(h.localRoots) == 0 {
		return "the node's settings allow no model folder; add one there"
	}
	return "it allows " + strings.Join(h.localRoots, ", ")
}
