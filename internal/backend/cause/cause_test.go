package cause_test

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

func classify(log string, parse func(string) cause.Line, causes []cause.Cause) (*aim.Failure, int, bool) {
	d := cause.Dialect{Parse: parse, Causes: causes}
	return d.Classify(d.Split(log), nil)
}

func plain(raw string) cause.Line { return cause.Line{Text: raw} }

// A line that names a cause wins over one that only suggests it, wherever they
// stand; of equal ones the earlier wins.
func TestClassifyPrefersTheLineThatSaysMost(t *testing.T) {
	causes := []cause.Cause{
		cause.Names(aim.ClassOOM, "", "out of memory"),
		cause.Names(aim.ClassDisk, "", "no space"),
		cause.Suggests(aim.ClassAuth, "a token", "401"),
		cause.Signals(aim.ClassHostOOM, "", "died"),
	}
	for _, c := range []struct {
		log  string
		want aim.FailureClass // "" = none
		at   int
	}{
		{"fine\nfine", "", 0},
		{"worker died\n401", aim.ClassAuth, 1},
		{"worker died\n401\nout of memory\nno space", aim.ClassOOM, 2},
		{"no space\rout of memory", aim.ClassDisk, 0},
		{"worker died", aim.ClassHostOOM, 0},
	} {
		f, at, ok := classify(c.log, plain, causes)
		if ok != (c.want != "") || ok && (f.Class != c.want || at != c.at) {
			t.Errorf("%q: %v at %d, want %s at %d", c.log, f, at, c.want, c.at)
		}
	}
}

func TestClassifyPassesOverWhatTheLoggerCallsFine(t *testing.T) {
	info := func(raw string) cause.Line { return cause.Line{Level: "WARN", Text: raw} }
	if f, _, ok := classify("HIP out of memory", info, cause.Common()); ok {
		t.Errorf("a warning is a cause: %v", f)
	}
}

// What is kept of a log is short, and valid text whatever the log holds.
func TestClassifyKeepsAShortExcerpt(t *testing.T) {
	log := "HIP out of memory \xff" + strings.Repeat("x", 5000) + "\n\nnext\nthird\nfourth"
	f, _, ok := classify(log, plain, cause.Common())
	if !ok || len(f.Why) > 600 || len(f.LogLines) != 3 || strings.ContainsRune(f.Why, '\uFFFD') || f.LogLines[2] != "third" {
		t.Errorf("%t %+v", ok, f)
	}
}
