package filelock_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim/internal/filelock"
)

func TestReplacePutsANewFileInPlaceWithItsMode(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077)) // a mode is a promise, whatever the umask
	dir := t.TempDir()
	file := filepath.Join(dir, "state.json")
	if err := filelock.Replace(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := filelock.Replace(file, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := make([]byte, 10)
	if n, _ := reader.Read(old); string(old[:n]) != "old" {
		t.Errorf("who had it open reads %q", old[:n])
	}
	now, err := os.ReadFile(file)
	if err != nil || string(now) != "new" {
		t.Errorf("content %q, %v", now, err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	onlyFile(t, dir, "state.json")
}

func TestAFailedReplaceLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "folder") // a file cannot be renamed over it
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := filelock.Replace(taken, []byte("new"), 0o600); err == nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("error %v does not name the file", err)
	}
	onlyFile(t, dir, "folder")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := filelock.ReplaceIn(root, ".", "folder", []byte("new"), 0o600); err == nil {
		t.Error("no error below a root")
	}
	onlyFile(t, dir, "folder")
}

func TestSweepDeletesWhatKilledWritersLeftAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".state.json123", ".state.json9999999999", "state.json", ".state.json.bak", ".state.jsonx1", ".other.json1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := filelock.Sweep(filepath.Join(dir, "state.json")); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, dir, "state.json", ".state.json.bak", ".state.jsonx1", ".other.json1")
}

func TestReplaceInStaysBelowItsRoot(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "root", "refs"), 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := filelock.ReplaceIn(root, "refs", "refs/main", []byte("commit"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := root.ReadFile("refs/main"); err != nil || string(data) != "commit" {
		t.Errorf("content %q, %v", data, err)
	}
	if err := filelock.ReplaceIn(root, "refs", "../outside", []byte("x"), 0o644); err == nil {
		t.Error("wrote out of the root")
	}
	onlyFile(t, dir, "root")
}

func onlyFile(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		found[e.Name()] = true
	}
	for _, name := range want {
		if !found[name] {
			t.Errorf("%s is gone", name)
		}
		delete(found, name)
	}
	for name := range found {
		t.Errorf("%s was left behind", name)
	}
}
