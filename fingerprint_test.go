package aim_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aim-engine/aim"
)

// TestFingerprint: what varies between two reports of one error does not count,
// anything else does.
func TestFingerprint(t *testing.T) {
	same := func(a, b string) bool { return aim.Fingerprint(a) == aim.Fingerprint(b) }
	if !same("fault at 0x7f10 on rank 3 after 601 s", "fault at 0x00ff on rank 12 after 7 s") {
		t.Error("numbers make a difference")
	}
	if same("KeyError: 'a'", "KeyError: 'b'") {
		t.Error("names make no difference")
	}
	if f := aim.Fingerprint(strings.Repeat("ä", 5000)); len(f) > 200 || !utf8.ValidString(f) {
		t.Errorf("%d bytes, valid %v", len(f), utf8.ValidString(f))
	}
}
