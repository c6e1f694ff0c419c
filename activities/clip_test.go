package activities

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
)

// A server may print lines of any length; a history may not hold them.
func TestCarryBoundsTexts(t *testing.T) {
	long := strings.Repeat("é", 300_000)
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = long
	}
	var app *temporal.ApplicationError
	if err := Carry(&aim.Failure{Class: aim.ClassStart, Why: long, Hint: long, Fingerprint: long, LogLines: lines}); !errors.As(err, &app) {
		t.Fatal(err)
	}
	var f aim.Failure
	if err := app.Details(&f); err != nil {
		t.Fatal(err)
	}
	size := len(f.Why) + len(f.Hint) + len(f.Fingerprint) + len(strings.Join(f.LogLines, ""))
	if size > 20<<10 || len(app.Message()) > 8<<10 || len(f.LogLines) == 0 || !utf8.ValidString(f.Why+f.LogLines[0]) {
		t.Errorf("the failure has %d bytes, its message %d, %d lines", size, len(app.Message()), len(f.LogLines))
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"short", "short"}, {"exactly ten", "exactly ten"}, {"a longer text", "a longer..."}, {"aaaaaaaéaaaa", "aaaaaaa..."},
	} {
		if got := Clip(c.text, 11); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}
