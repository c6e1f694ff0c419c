package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
)

const boot = "boot-1"

func open(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := Open(dir, boot)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func claimOf(deployment, token string, port int, gpus ...string) aim.Claim {
	return aim.Claim{
		Identity: aim.Identity{Deployment: deployment, UID: "uid-" + deployment, Attempt: 1, Token: token},
		GPUs:     gpus, Port: port, CPUs: 8, HostBytes: 64 << 30,
		Since: time.Date(2026, 11, 21, 10, 0, 0, 123, time.FixedZone("CET", 3600)),
	}
}

func mustClaim(t *testing.T, l *Ledger, c aim.Claim) aim.Claim {
	t.Helper()
	got, err := l.Claim(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestClaimsAndStateSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	first := mustClaim(t, l, claimOf("b", "t1", 8002, "GPU-2", "GPU-1"))
	second := mustClaim(t, l, claimOf("a", "t2", 8001, "GPU-0"))
	if err := l.Stopping(second.Identity); err != nil {
		t.Fatal(err)
	}
	second.Stopping = true
	state := aim.NodeState{Cordon: "disk", Labels: map[string]string{"zone": "a"}, Quarantine: map[string]string{"GPU-7": "ecc"}}
	if err := l.SetState(state); err != nil {
		t.Fatal(err)
	}
	l.Close()

	again := open(t, dir)
	if got, want := again.Claims(), []aim.Claim{second, first}; !reflect.DeepEqual(got, want) {
		t.Errorf("claims after restart = %+v, want %+v (by lowest GPU)", got, want)
	}
	if got := again.State(); !reflect.DeepEqual(got, state) {
		t.Errorf("state after restart = %+v, want %+v", got, state)
	}
}

func TestClaimAgainReturnsTheFirst(t *testing.T) {
	l := open(t, t.TempDir())
	first := mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-0", "GPU-1"))
	other := claimOf("a", "t1", 9000, "GPU-5")
	if got := mustClaim(t, l, other); !reflect.DeepEqual(got, first) {
		t.Errorf("second claim under the token = %+v, want the first %+v", got, first)
	}
	if n := len(l.Claims()); n != 1 {
		t.Errorf("%d claims, want 1", n)
	}
}

func TestClaimIsRefusedByNameOfTheHolder(t *testing.T) {
	newer := claimOf("a", "t9", 8009, "GPU-1")
	newer.Attempt = 2
	for _, tc := range []struct {
		name string
		wish aim.Claim
		says string
	}{
		{"gpu", claimOf("b", "t2", 8002, "GPU-3", "GPU-0"), "GPU GPU-0 is held by a/0 attempt 1"},
		{"port", claimOf("b", "t2", 8001, "GPU-3"), "the port is held by a/0 attempt 1"},
		{"newer attempt of the same replica", newer, "GPU GPU-1 is held by a/0 attempt 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := open(t, t.TempDir())
			held := mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-0", "GPU-1"))
			_, err := l.Claim(tc.wish)
			f := aim.FailureOf(err)
			if f == nil || f.Class != aim.ClassRefused || !strings.Contains(f.Why, tc.says) {
				t.Fatalf("error = %v, want refused with %q", err, tc.says)
			}
			if got := l.Claims(); !reflect.DeepEqual(got, []aim.Claim{held}) {
				t.Errorf("claims after a refusal = %+v: a refused claim took something", got)
			}
		})
	}
}

func TestRefusalSaysThatTheHolderIsStopping(t *testing.T) {
	l := open(t, t.TempDir())
	held := mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-0"))
	if err := l.Stopping(held.Identity); err != nil {
		t.Fatal(err)
	}
	_, err := l.Claim(claimOf("b", "t2", 8002, "GPU-0"))
	if err == nil || !strings.Contains(err.Error(), "which is stopping") {
		t.Errorf("error = %v, want it to say that the holder is stopping", err)
	}
}

func TestMalformedClaimsAreRefused(t *testing.T) {
	l := open(t, t.TempDir())
	noToken, noUID := claimOf("a", "", 1, "GPU-0"), claimOf("a", "t", 1, "GPU-0")
	noUID.UID = ""
	for name, c := range map[string]aim.Claim{
		"no token": noToken, "no uid": noUID, "no gpu": claimOf("a", "t", 1),
		"gpu twice": claimOf("a", "t", 1, "GPU-0", "GPU-0"), "unnamed gpu": claimOf("a", "t", 1, ""),
		"port": claimOf("a", "t", 70000, "GPU-0"),
	} {
		if _, err := l.Claim(c); err == nil {
			t.Errorf("%s: claim was granted", name)
		}
	}
}

func TestReleaseAndStoppingOfNothingAreDone(t *testing.T) {
	l := open(t, t.TempDir())
	gone := claimOf("a", "t", 1, "GPU-0").Identity
	if err := errors.Join(l.Stopping(gone), l.Release(gone)); err != nil {
		t.Error(err)
	}
}

func TestAnotherTokenDoesNotRelease(t *testing.T) {
	l := open(t, t.TempDir())
	held := mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-0"))
	stranger := held.Identity
	stranger.Token = "t2"
	if err := l.Release(stranger); err != nil {
		t.Fatal(err)
	}
	if len(l.Claims()) != 1 {
		t.Error("another attempt's token released the claim")
	}
}

func TestCallersCannotReachInside(t *testing.T) {
	l := open(t, t.TempDir())
	wish := claimOf("a", "t1", 8001, "GPU-0")
	got := mustClaim(t, l, wish)
	wish.GPUs[0], got.GPUs[0], l.Claims()[0].GPUs[0] = "x", "y", "z"
	state := aim.NodeState{Labels: map[string]string{"k": "v"}, Quarantine: map[string]string{}}
	if err := l.SetState(state); err != nil {
		t.Fatal(err)
	}
	state.Labels["k"], l.State().Labels["k"] = "x", "y"
	l.State().Quarantine["GPU-0"] = "z"
	if gpu := l.Claims()[0].GPUs[0]; gpu != "GPU-0" {
		t.Errorf("a caller changed the claim's GPU to %q", gpu)
	}
	if s := l.State(); s.Labels["k"] != "v" || len(s.Quarantine) != 0 {
		t.Errorf("a caller changed the state to %+v", s)
	}
}

func TestTwoAgentsOnOneDirectory(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	_, err := Open(dir, boot)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second agent: error = %v, want ErrInUse naming the directory", err)
	}
	l.Close()
	open(t, dir)
}

func TestEpochGrowsWhateverTheClockSays(t *testing.T) {
	dir := t.TempDir()
	var last uint64
	for _, now := range []int64{1000, 5000, 4000, -1, 0, 6000} {
		l := open(t, dir)
		epoch, err := l.NextEpoch(now)
		if err != nil {
			t.Fatal(err)
		}
		if epoch <= last || (now > 0 && epoch < uint64(now)) {
			t.Errorf("epoch at clock %d = %d after %d", now, epoch, last)
		}
		last = epoch
		l.Close()
	}
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	held := mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-0"))
	// A folder in the place of the file fails every write, for root too.
	file := filepath.Join(dir, claimsFile)
	if err := errors.Join(os.Rename(file, file+".away"), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Claim(claimOf("b", "t2", 8002, "GPU-1")); err == nil {
		t.Fatal("claim was granted although it could not be written")
	}
	if err := l.Release(held.Identity); err == nil {
		t.Fatal("release succeeded although it could not be written")
	}
	if got := l.Claims(); !reflect.DeepEqual(got, []aim.Claim{held}) {
		t.Errorf("claims = %+v, want what is on disk", got)
	}
	if err := errors.Join(os.Remove(file), os.Rename(file+".away", file)); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(held.Identity); err != nil {
		t.Errorf("release again: %v", err)
	}
}

func BenchmarkClaimAndRelease(b *testing.B) {
	l, err := Open(b.TempDir(), boot)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c := claimOf("a", "t1", 8001, "GPU-0", "GPU-1")
	for b.Loop() {
		if _, err := l.Claim(c); err != nil {
			b.Fatal(err)
		}
		if err := l.Release(c.Identity); err != nil {
			b.Fatal(err)
		}
	}
}

// An activity may outlive its agent; the next one owns the file by then.
func TestAClosedLedgerChangesNothingOfTheNextAgents(t *testing.T) {
	dir := t.TempDir()
	old := open(t, dir)
	held, err := old.Claim(claimOf("d", "t1", 8001, "GPU-0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	next := open(t, dir)
	if err := next.Release(held.Identity); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"claim":    func() error { _, err := old.Claim(claimOf("d", "t2", 8002, "GPU-1")); return err },
		"release":  func() error { return old.Release(held.Identity) },
		"stopping": func() error { return old.Stopping(held.Identity) },
		"state":    func() error { return old.SetState(aim.NodeState{Cordon: "why"}) },
		"epoch":    func() error { _, err := old.NextEpoch(1); return err },
	} {
		if err := change(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir); len(again.Claims()) != 0 || again.State().Cordon != "" {
		t.Errorf("the file holds what the closed ledger wrote: %+v, %+v", again.Claims(), again.State())
	}
}

// Somebody who cleans up may take the lock file away; the lock is then no lock.
func TestALedgerWhoseLockFileWasReplacedChangesNothing(t *testing.T) {
	dir := t.TempDir()
	old := open(t, dir)
	if err := os.Remove(filepath.Join(dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Claim(claimOf("d", "t1", 8001, "GPU-0")); !errors.Is(err, ErrClosed) {
		t.Errorf("claim: %v, want ErrClosed", err)
	}
	next := open(t, dir)
	if _, err := next.Claim(claimOf("d", "t2", 8001, "GPU-0")); err != nil {
		t.Errorf("the next agent's claim: %v", err)
	}
}
