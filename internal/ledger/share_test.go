package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
)

func shareOf(deployment, token string, port int, share uint64) aim.Claim {
	c := claimOf(deployment, token, port, "GPU-0")
	c.ShareBytes, c.OfBytes = share, 100
	return c
}

func TestSharesAreAdmittedUntilTheGPUIsFull(t *testing.T) {
	l := open(t, t.TempDir())
	mustClaim(t, l, shareOf("a", "t1", 8001, 60))
	mustClaim(t, l, shareOf("b", "t2", 8002, 40))
	_, err := l.Claim(shareOf("c", "t3", 8003, 1))
	f := aim.FailureOf(err)
	if f == nil || f.Class != aim.ClassRefused || !strings.Contains(f.Why, "0B left for shares, not 1B: a/0 has 60B, b/0 has 40B") {
		t.Fatalf("third share: %v, want refused with what is left and who has the rest", err)
	}
	if err := l.Release(shareOf("a", "t1", 8001, 60).Identity); err != nil {
		t.Fatal(err)
	}
	mustClaim(t, l, shareOf("c", "t3", 8003, 60))
}

func TestAShareAndAWholeClaimNeverMeet(t *testing.T) {
	for name, tc := range map[string]struct{ first, second aim.Claim }{
		"share beside a whole claim":    {claimOf("a", "t1", 8001, "GPU-0", "GPU-1"), shareOf("b", "t2", 8002, 1)},
		"a whole claim beside a share":  {shareOf("a", "t1", 8001, 1), claimOf("b", "t2", 8002, "GPU-1", "GPU-0")},
		"share larger than the budget":  {claimOf("a", "t1", 8001, "GPU-1"), shareOf("b", "t2", 8002, 101)},
		"budget that has become less":   {shareOf("a", "t1", 8001, 60), func() aim.Claim { c := shareOf("b", "t2", 8002, 40); c.OfBytes = 99; return c }()},
		"share of two GPUs is no share": {claimOf("a", "t1", 8001, "GPU-7"), func() aim.Claim { c := shareOf("b", "t2", 8002, 1); c.GPUs = []string{"GPU-0", "GPU-1"}; return c }()},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			mustClaim(t, l, tc.first)
			if _, err := l.Claim(tc.second); err == nil {
				t.Errorf("%+v was granted beside %+v", tc.second, tc.first)
			}
			if got := l.Claims(); len(got) != 1 {
				t.Errorf("claims = %+v, want the first alone", got)
			}
		})
	}
}

// TestOnlyAFileWithSharesIsOfTheNewerVersion: an older agent would take two
// shares of a GPU for damage, and must be able to read everything else.
func TestOnlyAFileWithSharesIsOfTheNewerVersion(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	version := func() string {
		data, err := os.ReadFile(filepath.Join(dir, claimsFile))
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(data), ",")
		return head
	}
	mustClaim(t, l, claimOf("a", "t1", 8001, "GPU-1"))
	if got := version(); got != `{"version":1` {
		t.Errorf("without shares the file begins with %s", got)
	}
	mustClaim(t, l, shareOf("b", "t2", 8002, 40))
	if got := version(); got != `{"version":2` {
		t.Errorf("with a share the file begins with %s", got)
	}
	l.Close()
	again := open(t, dir)
	if got := again.Claims(); len(got) != 2 || got[0].ShareBytes != 40 {
		t.Fatalf("claims after a restart = %+v", got)
	}
	if err := again.Release(shareOf("b", "t2", 8002, 40).Identity); err != nil {
		t.Fatal(err)
	}
	if got := version(); got != `{"version":1` {
		t.Errorf("when the share is gone the file begins with %s", got)
	}
}
