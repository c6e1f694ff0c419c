package amdgpu

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/aim-engine/aim"
)

// TestRoot asserts that the root can be the folder above sys/, sys/ itself, or a
// copy of sys/ under another name, and that anything else is an input error.
func TestRoot(t *testing.T) {
	root := unpack(t, openArchive(t, "mi300x-8x-spx-degraded"))
	copied := filepath.Join(t.TempDir(), "captured")
	if err := os.Symlink(filepath.Join(root, "sys"), copied); err != nil {
		t.Fatal(err)
	}
	want, err := New(root).Detect(t.Context())
	if err != nil || len(want.GPUs) != 7 {
		t.Fatalf("%d GPUs, %v", len(want.GPUs), err)
	}
	for _, other := range []string{root + "/", filepath.Join(root, "sys"), filepath.Join(root, "sys") + "/", copied} {
		got, err := New(other).Detect(t.Context())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", other, got, err)
		}
	}
	for _, bad := range []string{filepath.Join(root, "dev"), filepath.Join(root, "missing")} {
		_, err := New(bad).Detect(t.Context())
		var failure *aim.Failure
		if !errors.As(err, &failure) || failure.Class != aim.ClassInput || failure.Hint == "" {
			t.Errorf("%s: error is %v", bad, err)
		}
		if New(bad).Generation() != "" {
			t.Errorf("%s has a generation", bad)
		}
	}
}

// TestRefusedOnDisk asserts that files without read permission hide their GPU
// alone.
func TestRefusedOnDisk(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("mode 000 does not keep root from reading; TestRefused injects the error instead")
	}
	root := unpack(t, openArchive(t, "mi300x-8x-spx"))
	if err := os.Chmod(filepath.Join(root, nodePath(2), "properties"), 0); err != nil {
		t.Fatal(err)
	}
	got, err := New(root).Detect(t.Context())
	if err != nil || len(got.GPUs) != 7 {
		t.Fatalf("%d GPUs, %v", len(got.GPUs), err)
	}
	if why := notOfferedAt(t, got, "0000:05:00.0"); !strings.Contains(why, "permission denied") {
		t.Errorf("not offered because %q", why)
	}
}

// TestOddFiles asserts that a tree with folders, pipes and long files where
// sysfs has short ones neither blocks nor breaks the reader.
func TestOddFiles(t *testing.T) {
	root := unpack(t, openArchive(t, "mi300x-8x-spx"))
	replace := func(name string, make func(path string) error) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := make(path); err != nil {
			t.Fatal(err)
		}
	}
	replace(nodePath(2)+"/properties", func(p string) error { return syscall.Mkfifo(p, 0o644) })
	replace(nodePath(3)+"/properties", func(p string) error { return os.Mkdir(p, 0o755) })
	replace(nodePath(4)+"/mem_banks", func(p string) error { return os.WriteFile(p, nil, 0o644) })
	replace(nodePath(5)+"/gpu_id", func(p string) error { return os.WriteFile(p, make([]byte, 1<<20), 0o644) })
	got, err := New(root).Detect(t.Context())
	if err != nil || len(got.GPUs) != 6 || len(got.NotOffered) != 2 {
		t.Fatalf("%d GPUs, not offered %+v, %v", len(got.GPUs), got.NotOffered, err)
	}
	if why := notOfferedAt(t, got, "0000:05:00.0"); strings.Contains(why, "answer") {
		t.Errorf("the pipe has blocked: %s", why)
	}
	if g := at(t, got, "0000:46:00.0", 0); deref(g.VRAMBytes) != uint64(mi300xVRAM) {
		t.Errorf("VRAM without memory banks is %v", deref(g.VRAMBytes)) // DRM tells
	}
	if g := at(t, got, "0000:65:00.0", 0); g.Unknown["kfd_gpu_id"] == "" || len(g.Unknown["kfd_gpu_id"]) > 200 {
		t.Errorf("gpu_id is unknown because %q", g.Unknown["kfd_gpu_id"])
	}
}

// TestLongFile asserts that a file longer than the buffer is read whole, and one
// without end as far as is useful.
func TestLongFile(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "sys"), 0o755); err != nil {
		t.Fatal(err)
	}
	tree, err := openDisk(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 4096, 4097, 40000, maxFile, maxFile + 1, 3 * maxFile} {
		text := strings.Repeat("x", size)
		if err := os.WriteFile(filepath.Join(root, "sys", "long"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := tree.ReadFile("sys/long", make([]byte, 0, 4096))
		if err != nil || string(got) != text[:min(size, maxFile)] {
			t.Errorf("%d bytes: %d were read, %v", size, len(got), err)
		}
	}
}

// TestDriver asserts how a driver without a version of its own is named.
func TestDriver(t *testing.T) {
	tree := loadTree(t, "desktop-dgpu-igpu")
	tree.files["proc/sys/kernel/osrelease"] = "6.8.0-45-generic\n"
	if got, want := detect(t, tree).Driver, "kernel 6.8.0-45-generic, srcversion 3B1A2F0E5D7C9B8A6F4E2D1"; got != want {
		t.Errorf("driver is %q, want %q", got, want)
	}
}
