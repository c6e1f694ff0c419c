package hub

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

const goodInfo = `{"sha":"0123456789012345678901234567890123456789","gated":false,"siblings":[` +
	`{"rfilename":"config.json","size":3,"blobId":"0123456789012345678901234567890123456789"},` +
	`{"rfilename":"a/model.safetensors","size":9,"blobId":"x","lfs":{"sha256":"` +
	`0123456789012345678901234567890123456789012345678901234567890123","size":9,"pointerSize":134}},` +
	`{"rfilename":"unknown.txt"}]}`

func TestDecodeInfo(t *testing.T) {
	in, err := decodeInfo([]byte(goodInfo))
	if err != nil {
		t.Fatal(err)
	}
	want := []file{
		{"config.json", 3, "0123456789012345678901234567890123456789"},
		{"a/model.safetensors", 9, "0123456789012345678901234567890123456789012345678901234567890123"},
		{"unknown.txt", -1, ""},
	}
	for i, f := range in.files {
		if f != want[i] {
			t.Errorf("file %d: %+v, want %+v", i, f, want[i])
		}
	}
	for _, bad := range []string{
		"", "[]", "{}", `{"sha":"main"}`,
		strings.Replace(goodInfo, `"config.json"`, `"../config.json"`, 1),
		strings.Replace(goodInfo, `"config.json"`, `"/etc/passwd"`, 1),
		strings.Replace(goodInfo, `"config.json"`, `"a/../../b"`, 1),
		strings.Replace(goodInfo, `"config.json"`, `"a\\..\\b"`, 1),
		strings.Replace(goodInfo, `"config.json"`, `"a\u0000b"`, 1),
		strings.Replace(goodInfo, `"config.json"`, `"a//b"`, 1),
		strings.Replace(goodInfo, `"config.json"`, `""`, 1),
		strings.Replace(goodInfo, `"config.json"`, `"unknown.txt"`, 1),
		strings.Replace(goodInfo, `"size":3`, `"size":-3`, 1),
		strings.Replace(goodInfo, `"size":3`, `"size":9000000000000000000`, 1),
		strings.Replace(goodInfo, `"sha256":"01`, `"sha256":"../`, 1),
		strings.Replace(goodInfo, `"blobId":"0123`, `"blobId":"../../../x`, 1),
	} {
		if _, err := decodeInfo([]byte(bad)); err == nil {
			t.Errorf("taken: %s", bad)
		}
	}
}

func FuzzDecodeInfo(f *testing.F) {
	f.Add([]byte(goodInfo))
	f.Add([]byte(`{"sha":"0123456789012345678901234567890123456789","siblings":[{"rfilename":"..","size":1e99}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := decodeInfo(data)
		if err != nil {
			return
		}
		for _, file := range in.files {
			if !filepath.IsLocal(file.Name) || strings.ContainsAny(file.Blob, "/.\\") || file.Size < -1 {
				t.Errorf("unsafe file %+v", file)
			}
		}
		if chosen, err := choose(in.files, nil); err == nil && (len(chosen) == 0 || len(chosen) > len(in.files)) {
			t.Errorf("chose %d of %d files", len(chosen), len(in.files))
		}
	})
}

func FuzzCheckSafetensors(f *testing.F) {
	f.Add(safetensors(10))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := checkSafetensors(bytes.NewReader(data), int64(len(data)))
		if err != nil || len(data) == 0 {
			return
		}
		// Whatever counts as whole must not count as whole when it is cut.
		if cut := data[:len(data)-1]; checkSafetensors(bytes.NewReader(cut), int64(len(cut))) == nil {
			t.Error("cut by a byte, and still whole")
		}
	})
}

func FuzzDecodeIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":4},"weight_map":{"a":"x.safetensors","b":"x.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		names, err := decodeIndex(data)
		for _, name := range names {
			if err == nil && !filepath.IsLocal(name) {
				t.Errorf("unsafe name %q", name)
			}
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	const commit = "0123456789012345678901234567890123456789"
	good, err := json.Marshal(manifest{1, model, commit, []file{{"config.json", 3, "x"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, ok := decodeManifest(data, commit)
		if !ok {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Name) {
				t.Errorf("unsafe name %q", file.Name)
			}
		}
		if m.Commit != commit || len(m.Files) == 0 {
			t.Errorf("manifest %+v", m)
		}
	})
}

func TestNamesThatLeaveTheSnapshotAreRefused(t *testing.T) {
	for _, name := range []string{"../../../../escaped", "/tmp/escaped", "a/../../../escaped", ".."} {
		body := strings.Replace(goodInfo, `"config.json"`, `"`+name+`"`, 1)
		url, rec := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(body)) }))
		h := newHub(t, url)
		_, err := h.Fetch(t.Context(), model, "", nil)
		if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Why, "unsafe file name") {
			t.Errorf("why %q", f.Why)
		}
		if rec.count() != 1 {
			t.Errorf("asked %v", rec.requests)
		}
		if found, _ := filepath.Glob(filepath.Join(filepath.Dir(h.cache), "*escaped*")); len(found) != 0 {
			t.Errorf("wrote %v", found)
		}
	}
}

func TestALinkInTheSnapshotIsNotWrittenThrough(t *testing.T) {
	url, _ := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	path := fetched(t, h, model)
	outside := t.TempDir()
	// A server with the cache mounted could leave such a trap.
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, path); err != nil {
		t.Fatal(err)
	}
	_, err := h.Fetch(t.Context(), model, "", nil)
	failure(t, err, aim.ClassWeights)
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("wrote %v out of the cache", entries)
	}
}

// terse serves a hub as some mirrors do: no sizes, no hashes.
func terse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			r.URL.RawQuery = ""
		}
		next.ServeHTTP(w, r)
	})
}

func TestAMirrorThatTellsNoSizesIsAskedForThem(t *testing.T) {
	cdn, _ := serve(t, standin.New(standin.Config{}))
	server := standin.New(standin.Config{CDN: cdn})
	url, rec := serve(t, terse(server))
	fetched(t, newHub(t, url), model)
	heads := 0
	for _, r := range rec.requests {
		if strings.HasPrefix(r, "HEAD ") {
			heads++
		}
	}
	if heads == 0 {
		t.Errorf("requests %v", rec.requests)
	}
}

func TestAFolderOfLiesIsSettledQuickly(t *testing.T) {
	lies := fstest.MapFS{
		"config.json":                   {Data: []byte("{}")},
		"x-00001-of-99999.safetensors":  {Data: safetensors(1)},
		"xx-00001-of-99999.safetensors": {Data: safetensors(1)},
	}
	if err := whole(lies); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}
