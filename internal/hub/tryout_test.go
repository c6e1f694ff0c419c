package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// A file system without symbolic links, as a seccomp filter, FUSE, CIFS or vfat
// make one, gets plain files; what is complete stays complete for everybody.
func TestACacheWithoutLinksGetsPlainFiles(t *testing.T) {
	for name, refusal := range map[string]error{
		"EPERM": syscall.EPERM, "not supported": syscall.ENOTSUP, "no such call": syscall.ENOSYS, "invalid": syscall.EINVAL, "forbidden": syscall.EACCES,
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, standin.New(standin.Config{}))
			h := newHub(t, url)
			h.symlink = func(*os.Root, string, string) error { return refusal }
			snapshot, err := h.Fetch(t.Context(), model, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{"config.json", shard1, shard2} {
				if st, err := os.Lstat(filepath.Join(snapshot, file)); err != nil || !st.Mode().IsRegular() {
					t.Errorf("%s: %v, %v", file, st, err)
				}
			}
			again := newHub(t, "http://127.0.0.1:1", inCache(h.cache), offline)
			if got, err := again.Fetch(t.Context(), model, "", nil); err != nil || got != snapshot {
				t.Errorf("without the network: %q, %v", got, err)
			}
		})
	}
}

func TestLinksThatLeadNowhereAreNoLinks(t *testing.T) {
	url, _ := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	h.symlink = func(root *os.Root, _, name string) error { return root.Symlink("nowhere", name) }
	if _, err := h.Fetch(t.Context(), model, "", nil); err != nil {
		t.Fatal(err)
	}
}

func TestAKilledPlacementGoesOn(t *testing.T) {
	url, rec := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	h.symlink = func(*os.Root, string, string) error { return syscall.EPERM }
	snapshot, err := h.Fetch(t.Context(), model, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	// As if it had been killed after some files were moved: no manifest, no blobs.
	if err := os.RemoveAll(filepath.Join(snapshot, "..", "..", ".aim")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(snapshot, "..", "..", "blobs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(snapshot, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	before := rec.bytes(shard1)
	if _, err := h.Fetch(t.Context(), model, "", nil); err != nil {
		t.Fatal(err)
	}
	if rec.bytes(shard1) != before {
		t.Error("weights that are in place were fetched again")
	}
}

func TestACacheThatCannotBeWrittenIsToldBeforeTheFirstByte(t *testing.T) {
	url, rec := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url)
	// A file where the folder of this model's scratch files should be.
	folder := filepath.Join(h.cache, "hub", "models--org--model")
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, ".aim"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	_, err := h.Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Text(), h.cache) {
		t.Errorf("%s", f.Text())
	}
	if rec.count() != 0 {
		t.Errorf("asked %v", rec.requests)
	}
}

func TestWhatAServersUserMayNotReadIsNamed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("files of other users can be made by root alone")
	}
	base, err := os.MkdirTemp("/tmp", "aim-readable-*") // t.TempDir lies below folders that only we may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	cache := filepath.Join(base, "cache")
	snapshot := filepath.Join(cache, "snapshots", "c")
	blobs := filepath.Join(cache, "blobs")
	reader := Reader{UID: 65532, GID: 65532, Groups: []int{44}}
	for _, c := range []struct {
		name   string
		path   string
		mode   fs.FileMode
		uid    int
		gid    int
		within string // "" = readable
	}{
		{"all may", cache, 0o755, 0, 0, ""},
		{"umask 077", cache, 0o700, 0, 0, "may not enter " + cache + " (mode 0700"},
		{"a folder above", base, 0o700, 0, 0, "may not enter " + base + " (mode 0700"},
		{"the folder of blobs", blobs, 0o700, 0, 0, "may not enter " + blobs},
		{"a blob", filepath.Join(blobs, "b"), 0o600, 0, 0, "may not read " + filepath.Join(blobs, "b") + " (mode 0600"},
		{"the snapshot", snapshot, 0o711, 0, 0, "may not list " + snapshot},
		{"its own, closed to itself", filepath.Join(blobs, "b"), 0o044, 65532, 0, "may not read"},
		{"by its group", filepath.Join(blobs, "b"), 0o640, 0, 44, ""},
		{"its group may less than all", filepath.Join(blobs, "b"), 0o604, 0, 44, "may not read"},
		{"its own", filepath.Join(blobs, "b"), 0o400, 65532, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			os.RemoveAll(cache)
			err := errors.Join(os.Chmod(base, 0o755), os.MkdirAll(snapshot, 0o755), os.MkdirAll(blobs, 0o755),
				os.WriteFile(filepath.Join(blobs, "b"), []byte("x"), 0o644), os.Symlink("../../blobs/b", filepath.Join(snapshot, "config.json")),
				os.Chown(c.path, c.uid, c.gid), os.Chmod(c.path, c.mode))
			if err != nil {
				t.Fatal(err)
			}
			defer os.Chown(base, 0, 0)
			err = Readable(snapshot, reader)
			if c.within == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if c.within != "" && (err == nil || !strings.Contains(err.Error(), c.within) || !strings.Contains(err.Error(), "uid 65532")) {
				t.Errorf("error %v, want %q", err, c.within)
			}
			if err := Readable(snapshot, Reader{}); err != nil {
				t.Errorf("root is refused: %v", err)
			}
		})
	}
}
