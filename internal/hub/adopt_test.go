package hub

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// safetensors is a small valid file with one tensor of n bytes.
func safetensors(n int) []byte {
	header := fmt.Sprintf(`{"__metadata__":{"format":"pt"},"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, n, n)
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), bytes.Repeat([]byte{7}, n)...)
}

// foreign makes a cache as huggingface_hub leaves it: no manifest.
func foreign(t *testing.T, cache string, files map[string][]byte) (repo string) {
	t.Helper()
	const commit = "0123456789012345678901234567890123456789"
	repo = filepath.Join(cache, "hub", "models--org--model")
	snapshot := filepath.Join(repo, "snapshots", commit)
	for _, dir := range []string{"blobs", "refs", filepath.Join("snapshots", commit)} {
		if err := os.MkdirAll(filepath.Join(repo, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	i := 0
	for name, content := range files {
		i++
		blob := fmt.Sprintf("%040x", i)
		write(t, filepath.Join(repo, "blobs", blob), content)
		if err := os.Symlink("../../blobs/"+blob, filepath.Join(snapshot, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(repo, "refs", "main"), []byte(commit))
	return repo
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// goodFolder is a model that another tool has fetched in full.
func goodFolder() map[string][]byte {
	return map[string][]byte{
		"config.json":    []byte(`{"model_type":"llama"}`),
		"tokenizer.json": []byte(`{}`),
		safetensorsIndex: []byte(`{"weight_map":{"a":"` + shard1 + `","b":"` + shard2 + `"}}`),
		shard1:           safetensors(1000),
		shard2:           safetensors(2000),
	}
}

func TestACacheThatAnotherToolMadeIsAdoptedAsItIs(t *testing.T) {
	h := newHub(t, "http://127.0.0.1:1")
	repo := foreign(t, h.cache, goodFolder())
	blobs, _ := filepath.Glob(filepath.Join(repo, "blobs", "*"))

	for range 2 { // by its files, then by the manifest
		if models, err := h.List(); err != nil || !slices.Equal(slices.Sorted(maps.Keys(models)), []string{model}) {
			t.Errorf("listed %v, %v", models, err)
		}
		path, err := h.Fetch(t.Context(), model, "", nil)
		if err != nil || filepath.Dir(path) != filepath.Join(repo, "snapshots") {
			t.Fatalf("%q, %v", path, err)
		}
	}
	after, _ := filepath.Glob(filepath.Join(repo, "blobs", "*"))
	if !slices.Equal(blobs, after) {
		t.Errorf("blobs were %v, are %v", blobs, after)
	}
	if err := os.Remove(blobs[0]); err != nil {
		t.Fatal(err)
	}
	notComplete(t, h, model) // the manifest does not stand for what is gone
}

func TestAForeignCacheThatLacksSomethingIsNotComplete(t *testing.T) {
	whole := goodFolder()
	for name, change := range map[string]func(map[string][]byte){
		"no config":     func(m map[string][]byte) { delete(m, "config.json") },
		"no tokenizer":  func(m map[string][]byte) { delete(m, "tokenizer.json") },
		"no shard":      func(m map[string][]byte) { delete(m, shard2) },
		"cut shard":     func(m map[string][]byte) { m[shard2] = whole[shard2][:1500] },
		"cut header":    func(m map[string][]byte) { m[shard2] = whole[shard2][:20] },
		"empty shard":   func(m map[string][]byte) { m[shard1] = nil },
		"no index":      func(m map[string][]byte) { delete(m, safetensorsIndex); delete(m, shard2) },
		"damaged index": func(m map[string][]byte) { m[safetensorsIndex] = []byte(`{"weight_map":`) },
		"no weights":    func(m map[string][]byte) { delete(m, safetensorsIndex); delete(m, shard1); delete(m, shard2) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, "http://127.0.0.1:1")
			files := goodFolder()
			change(files)
			foreign(t, h.cache, files)
			notComplete(t, h, model)
		})
	}
}

func TestWhatAForeignCacheHasIsNotFetchedAgain(t *testing.T) {
	url, rec := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	path := fetched(t, h, model)
	// As if huggingface_hub had been stopped before the last shard.
	repo := filepath.Dir(filepath.Dir(path))
	blob, err := filepath.EvalSymlinks(filepath.Join(path, shard2))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(repo, ".aim"), filepath.Join(path, shard2), blob} {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
	notComplete(t, h, model)
	first, config := rec.bytes(shard1), rec.bytes("config.json")
	fetched(t, h, model)
	if rec.bytes(shard1) != first || rec.bytes("config.json") != config {
		t.Error("fetched what was there")
	}
}

func TestASharedBlobStoreIsFollowed(t *testing.T) {
	// Newer huggingface_hub keeps content once for all models in hub/blobs/.
	h := newHub(t, "http://127.0.0.1:1")
	repo := foreign(t, h.cache, goodFolder())
	blob := filepath.Join(repo, "blobs", fmt.Sprintf("%040x", 1))
	shared := filepath.Join(h.cache, "hub", "blobs", "ab", "abcd")
	if err := os.MkdirAll(filepath.Dir(shared), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(blob, shared); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../blobs/ab/abcd", blob); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Fetch(t.Context(), model, "", nil); err != nil {
		t.Error(err)
	}
}

func TestAReadOnlyCacheThatIsCompleteCanBeUsed(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to read-only folders")
	}
	cache := t.TempDir()
	repo := foreign(t, cache, goodFolder())
	if err := os.Chmod(repo, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(repo, 0o755) })
	h := newHub(t, "http://127.0.0.1:1", inCache(cache))
	if _, err := h.Fetch(t.Context(), model, "", nil); err != nil {
		t.Error(err)
	}
}

func TestALinkOutOfTheCacheIsNotFollowed(t *testing.T) {
	outside := t.TempDir()
	t.Run("blob", func(t *testing.T) {
		h := newHub(t, "http://127.0.0.1:1")
		repo := foreign(t, h.cache, goodFolder())
		blob := filepath.Join(repo, "blobs", fmt.Sprintf("%040x", 1))
		if err := os.Rename(blob, filepath.Join(outside, "blob")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(outside, "blob"), blob); err != nil {
			t.Fatal(err)
		}
		notComplete(t, h, model)
	})
	t.Run("folder", func(t *testing.T) {
		url, _ := serve(t, standin.New(standin.Config{}))
		h := newHub(t, url)
		target := filepath.Join(outside, "folder")
		if err := os.Mkdir(target, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(h.cache, "hub", "models--org--model")); err != nil {
			t.Fatal(err)
		}
		_, err := h.Fetch(t.Context(), model, "", nil)
		failure(t, err, aim.ClassWeights)
		if entries, _ := os.ReadDir(target); len(entries) != 0 {
			t.Errorf("wrote %v out of the cache", entries)
		}
	})
}
