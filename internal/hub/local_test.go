package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

// localModel lays a model out as plain files.
func localModel(t *testing.T, dir string, files map[string][]byte) string {
	t.Helper()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func TestALocalFolderIsAdoptedWhereItLies(t *testing.T) {
	root := t.TempDir()
	dir := localModel(t, filepath.Join(root, "team", "llama"), goodFolder())
	if err := os.Symlink("team/llama", filepath.Join(root, "current")); err != nil {
		t.Fatal(err)
	}
	h := newHub(t, "http://127.0.0.1:1", func(c *config) { c.WeightRoots = []string{"/nowhere", root} })
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, dir + "/", filepath.Join(root, "current"), root + "/team/../team/llama"} {
		if path, err := h.Fetch(t.Context(), name, "", nil); err != nil || path != real {
			t.Errorf("%s: %q, %v", name, path, err)
		}
		if err := h.CheckAccess(t.Context(), name, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, _ := os.ReadDir(filepath.Join(h.cache, "hub")); len(entries) != 0 {
		t.Errorf("copied to the cache: %v", entries)
	}
}

func TestOtherLocalFoldersAreRefused(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	localModel(t, filepath.Join(outside, "model"), goodFolder())
	if err := os.Symlink(filepath.Join(outside, "model"), filepath.Join(root, "leads-out")); err != nil {
		t.Fatal(err)
	}
	localModel(t, filepath.Join(root, "no-config"), map[string][]byte{"model.safetensors": safetensors(10)})
	cut := goodFolder()
	cut[shard2] = cut[shard2][:1000]
	localModel(t, filepath.Join(root, "cut"), cut)
	localModel(t, filepath.Join(root, "half"), map[string][]byte{"config.json": []byte("{}"), "x-00001-of-00002.safetensors": safetensors(10)})
	write(t, filepath.Join(root, "file"), []byte("x"))

	h := newHub(t, "http://127.0.0.1:1", func(c *config) { c.WeightRoots = []string{root} })
	for name, want := range map[string]struct {
		class aim.FailureClass
		why   string
	}{
		filepath.Join(outside, "model"):  {aim.ClassInput, "not below"},
		root + "/../etc":                 {aim.ClassInput, "not below"},
		root + "x":                       {aim.ClassInput, "not below"},
		filepath.Join(root, "leads-out"): {aim.ClassWeights, "cannot be used"},
		filepath.Join(root, "none"):      {aim.ClassMissing, "does not exist"},
		filepath.Join(root, "file"):      {aim.ClassWeights, "not a folder"},
		filepath.Join(root, "no-config"): {aim.ClassWeights, "config.json"},
		filepath.Join(root, "cut"):       {aim.ClassWeights, shard2},
		filepath.Join(root, "half"):      {aim.ClassWeights, "x-00002-of-00002.safetensors: missing"},
	} {
		_, err := h.Fetch(t.Context(), name, "", nil)
		if f := failure(t, err, want.class); !strings.Contains(f.Why, want.why) {
			t.Errorf("%s: why %q, want %q", name, f.Why, want.why)
		}
	}
	none := newHub(t, "http://127.0.0.1:1")
	_, err := none.Fetch(t.Context(), filepath.Join(root, "cut"), "", nil)
	failure(t, err, aim.ClassInput)
}
