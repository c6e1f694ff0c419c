package hub

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// A model describes itself without its weights being fetched; from the cache it
// says the same without the network.
func TestDescribeFetchesNoWeights(t *testing.T) {
	config := json.RawMessage(`{"model_type":"llama","hidden_size":64}`)
	url, asked := serve(t, standin.New(only(standin.Model{Config: config, ShardBytes: 64 << 10, Files: map[string][]byte{
		"consolidated.safetensors": []byte("the same weights in another form"), "original/x.bin": []byte("another form")}})))
	h := newHub(t, url)
	got, size, err := h.Describe(t.Context(), model, "")
	if err != nil || !bytes.Equal(got, config) || size < 2*64<<10 || size > 2*64<<10+4096 {
		t.Fatalf("described as %s of %d bytes, %v", got, size, err)
	}
	if asked.bytes(shard1)+asked.bytes(shard2) != 0 {
		t.Error("weights were fetched for a description")
	}
	if _, err := h.Fetch(t.Context(), model, "", nil); err != nil {
		t.Fatal(err)
	}
	before := asked.count()
	cached, cachedSize, err := h.Describe(t.Context(), model, "")
	if err != nil || !bytes.Equal(cached, config) || cachedSize != size {
		t.Errorf("from the cache: %s of %d bytes, %v; the hub said %d", cached, cachedSize, err, size)
	}
	if asked.count() != before {
		t.Error("the hub was asked about a model that is in the cache")
	}
}

func TestDescribeRefusesWithAClass(t *testing.T) {
	url, _ := serve(t, gatedHub(""))
	h := newHub(t, url)
	for name, class := range map[string]aim.FailureClass{"org/gated": aim.ClassAuth, "org/none": aim.ClassMissing, "/etc": aim.ClassInput} {
		_, _, err := h.Describe(t.Context(), name, "")
		failure(t, err, class)
	}
	away := newHub(t, url, offline)
	_, _, err := away.Describe(t.Context(), "org/open", "")
	failure(t, err, aim.ClassWeights)
}

// A folder of the node is read where it lies.
func TestDescribeAFolder(t *testing.T) {
	url, _ := serve(t, standin.New(standin.Config{}))
	snapshot, err := newHub(t, url).Fetch(t.Context(), model, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	folder := filepath.Join(root, "model")
	if err := os.CopyFS(folder, following{os.DirFS(snapshot)}); err != nil {
		t.Fatal(err)
	}
	h := newHub(t, url, func(c *config) { c.WeightRoots = []string{root} })
	config, size, err := h.Describe(t.Context(), folder, "")
	if err != nil || !strings.Contains(string(config), "LlamaForCausalLM") || size == 0 {
		t.Errorf("described as %s of %d bytes, %v", config, size, err)
	}
	if err := os.Remove(filepath.Join(folder, configFile)); err != nil {
		t.Fatal(err)
	}
	_, _, err = h.Describe(t.Context(), folder, "")
	failure(t, err, aim.ClassWeights)
}

// following shows links as the files that they lead to.
type following struct{ fs.FS }

func (f following) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	for i, e := range entries {
		st, err := fs.Stat(f.FS, path.Join(name, e.Name()))
		if err != nil {
			return nil, err
		}
		entries[i] = fs.FileInfoToDirEntry(st)
	}
	return entries, err
}
