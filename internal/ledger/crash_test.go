package ledger

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/aim-engine/aim"
)

// writerDir makes the test binary a writer on that directory: see TestMain.
const writerDir = "AIM_LEDGER_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		if err := write(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// write claims and releases without end, and prints "+<n>" or "-<n>" after each
// change that the ledger has confirmed.
func write(dir string) error {
	l, err := Open(dir, boot)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if _, err := l.Claim(nth(n)); err != nil {
			return err
		}
		fmt.Printf("+%d\n", n)
		if err := l.Release(nth(n).Identity); err != nil {
			return err
		}
		fmt.Printf("-%d\n", n)
	}
}

func nth(n int) aim.Claim {
	return claimOf("d", fmt.Sprintf("t%d", n), 8001, "GPU-0", "GPU-1")
}

// TestKilledWriter: what a killed agent had confirmed is there when it starts
// again, and at most the one change under way besides.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	for round := range 15 {
		last := killAfter(t, dir, 1+round*3)
		l, err := Open(dir, boot)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := l.Claims(); !plausible(last, got) {
			t.Fatalf("round %d: killed after %q, found %+v", round, last, got)
		}
		for _, c := range l.Claims() {
			if err := l.Release(c.Identity); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
	}
}

// killAfter starts a writer, kills it (SIGKILL) once it has confirmed so many
// changes, and returns the last one that it confirmed.
func killAfter(t *testing.T, dir string, changes int) (last string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 1; lines.Scan(); n++ {
		last = lines.Text()
		if n == changes {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // "signal: killed"
	if last == "" {
		t.Fatal("the writer confirmed nothing")
	}
	return last
}

// plausible tells whether the claims are what the last confirmed change left,
// or that with the writer's next change on top.
func plausible(last string, got []aim.Claim) bool {
	var n int
	var op rune
	if _, err := fmt.Sscanf(last, "%c%d", &op, &n); err != nil {
		return false
	}
	holds := func(n int) bool { return len(got) == 1 && got[0].Token == nth(n).Token }
	if op == '+' {
		return holds(n) || len(got) == 0
	}
	return len(got) == 0 || holds(n+1)
}

// TestCrashAtEveryStepOfAWrite leaves what a crash at each step of replacing
// the file would leave: every length of the temporary file, then the rename.
func TestCrashAtEveryStepOfAWrite(t *testing.T) {
	dir, old := written(t)
	path := filepath.Join(dir, claimsFile)
	draft := filepath.Join(dir, "."+claimsFile+"123")
	next, err := encode(claimsBody{Claims: []record{{Claim: nth(7), BootID: boot}}})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(next) + 1 {
		writeAll(t, draft, next[:n])
		l, err := Open(dir, boot)
		if err != nil || !reflect.DeepEqual(l.Claims(), []aim.Claim{old}) {
			t.Fatalf("crash with %d bytes of the new file: %v, %+v", n, err, l.Claims())
		}
		l.Close()
	}
	if _, err := os.Lstat(draft); err == nil {
		t.Error("what the crashes left is still there")
	}
	writeAll(t, draft, next)
	if err := os.Rename(draft, path); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).Claims(); len(got) != 1 || got[0].Token != "t7" {
		t.Fatalf("after the rename: %+v", got)
	}
}
