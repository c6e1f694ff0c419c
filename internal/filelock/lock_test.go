package filelock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aim-engine/aim/internal/filelock"
)

// holdPath makes the test binary a process that takes this lock and keeps it.
const holdPath = "AIM_FILELOCK_TEST_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdPath); path != "" {
		lock, err := filelock.At(path).Try()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("taken")
		_, _ = os.Stdin.Read(make([]byte, 1))
		_ = lock.Release()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// holder starts a process that has the lock.
func holder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // open for as long as it lives
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "taken\n" {
		t.Fatalf("the holder says %q", line)
	}
	return cmd
}

func TestALockKeepsOtherProcessesOutAndNamesTheHolderUntilItIsKilled(t *testing.T) {
	lock := filelock.At(filepath.Join(t.TempDir(), "lock"))
	cmd := holder(t, lock.Path)
	name := fmt.Sprintf("process %d", cmd.Process.Pid)
	if _, err := lock.Try(); !errors.Is(err, filelock.ErrHeld) || !strings.Contains(err.Error(), name) {
		t.Fatalf("try: %v, want it to name %s", err, name)
	}
	if who, held, err := lock.Holder(); who != name || !held || err != nil {
		t.Fatalf("holder: %q, %v, %v", who, held, err)
	}
	_ = cmd.Process.Kill()
	taken, err := lock.Take(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.Release(); err != nil {
		t.Fatal(err)
	}
	if _, held, err := lock.Holder(); held || err != nil {
		t.Fatalf("after release: held %v, %v", held, err)
	}
}

func TestTwoOpeningsInOneProcessExcludeEachOther(t *testing.T) {
	for _, flock := range []bool{false, true} {
		f := filelock.At(filepath.Join(t.TempDir(), "lock"))
		f.Flock = flock
		first, err := f.Try()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Try(); !errors.Is(err, filelock.ErrHeld) {
			t.Errorf("flock %v: the second gets %v", flock, err)
		}
		// Another descriptor of the file comes and goes.
		other, err := os.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		other.Close()
		if _, err := f.Try(); !errors.Is(err, filelock.ErrHeld) {
			t.Errorf("flock %v: after another descriptor was closed: %v", flock, err)
		}
		if err := first.Release(); err != nil {
			t.Fatal(err)
		}
	}
}

// Asking must never turn away who is just starting.
func TestAskingNeverTakes(t *testing.T) {
	f := filelock.At(filepath.Join(t.TempDir(), "lock"))
	if _, held, err := f.Holder(); held || err != nil {
		t.Fatalf("no file: held %v, %v", held, err)
	}
	stop, asked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(asked)
		for {
			select {
			case <-stop:
				return
			default:
				_, _, _ = f.Holder()
			}
		}
	}()
	for range 300 {
		l, err := f.Try()
		if err != nil {
			t.Fatalf("somebody who asks is in the way: %v", err)
		}
		l.Release()
	}
	close(stop)
	<-asked
}

func TestAReplacedFileIsNoLock(t *testing.T) {
	f := filelock.At(filepath.Join(t.TempDir(), "lock"))
	old, err := f.Try()
	if err != nil {
		t.Fatal(err)
	}
	defer old.Release()
	if !old.Current() {
		t.Fatal("a lock that was just taken is not current")
	}
	if err := os.Rename(f.Path, f.Path+".away"); err != nil {
		t.Fatal(err)
	}
	if old.Current() {
		t.Error("a lock on a file that has lost its name counts")
	}
	fresh, err := f.Try()
	if err != nil {
		t.Fatalf("the new file cannot be locked: %v", err)
	}
	defer fresh.Release()
	if old.Current() || !fresh.Current() {
		t.Errorf("current: old %v, new %v", old.Current(), fresh.Current())
	}
}

func TestTakeWaitsSaysSoOnceAndEndsWithItsContext(t *testing.T) {
	f := filelock.At(filepath.Join(t.TempDir(), "lock"))
	held, err := f.Try()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gaveUp := errors.New("gave up")
	told := 0
	_, err = f.Take(ctx, func(err error) {
		told++
		if !errors.Is(err, filelock.ErrHeld) {
			t.Errorf("waits for %v", err)
		}
		time.AfterFunc(30*time.Millisecond, func() { cancel(gaveUp) })
	})
	if told != 1 || !errors.Is(err, gaveUp) {
		t.Fatalf("told %d times, error %v", told, err)
	}
	l, err := f.Take(t.Context(), func(error) { held.Release() })
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

func TestALockThatMustExistIsNotMade(t *testing.T) {
	f := filelock.File{Path: filepath.Join(t.TempDir(), "lock")}
	if _, err := f.Try(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Lstat(f.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("made: %v", err)
	}
}

func TestALockBelowARootStaysThere(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "inner")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(inner)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := os.Symlink("../outside", filepath.Join(inner, "lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := (filelock.File{Root: root, Path: "lock", Mode: 0o600}).Try(); err == nil {
		t.Fatal("a link led the lock out of the root")
	}
}

// What others have written into the file is not passed on to a terminal.
func TestTheHoldersNameIsCleaned(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "another process",
		"\x1b[31mroot\n":        "another process",
		"-3\n":                  "another process",
		"42":                    "process 42",
		"42 \x1b]0;x\a\n":       "process 42",
		"42 node-7.example\n":   "process 42 on node-7.example",
		"42 a;rm -rf / node7\n": "process 42",
	} {
		path := filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		raw, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.FcntlFlock(raw.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			t.Fatal(err)
		}
		if who, held, err := filelock.At(path).Holder(); who != want || !held || err != nil {
			t.Errorf("%q: %q, %v, %v; want %q", text, who, held, err, want)
		}
		raw.Close()
	}
}
