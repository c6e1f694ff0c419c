package ledger

import (
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/aim-engine/aim"
	"pgregory.net/rapid"
)

// TestRandomHistories compares the ledger with a map after every step of a
// random history of claims, releases and crashes.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		h := &history{dir: dir, held: map[string]aim.Claim{}}
		h.reopen(rt)
		defer func() { h.ledger.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"claim":    h.claim,
			"share":    h.share,
			"release":  h.release,
			"stopping": h.stopping,
			"crash":    h.crash,
			"":         h.check,
		})
	})
}

// history is the ledger under test and what it must hold, by token.
type history struct {
	dir    string
	ledger *Ledger
	held   map[string]aim.Claim
}

func (h *history) reopen(t *rapid.T) {
	l, err := Open(h.dir, boot)
	if err != nil {
		t.Fatal(err)
	}
	h.ledger = l
}

// crash ends the agent between two writes and leaves half a temporary file.
func (h *history) crash(t *rapid.T) {
	h.ledger.Close()
	cut := rapid.IntRange(0, 40).Draw(t, "cut")
	half := []byte(`{"version":1,"crc32c":"00000000","body":{}}`)[:cut]
	if err := os.WriteFile(h.dir+"/."+claimsFile+"123", half, 0o600); err != nil {
		t.Fatal(err)
	}
	h.reopen(t)
}

func (h *history) claim(t *rapid.T) {
	gpus := rapid.SliceOfNDistinct(rapid.IntRange(0, 7), 1, 8, rapid.ID[int]).Draw(t, "gpus")
	c := h.drawClaim(t)
	for _, g := range gpus {
		c.GPUs = append(c.GPUs, fmt.Sprintf("GPU-%d", g))
	}
	h.try(t, c)
}

// share claims part of one of two GPUs, so that shares meet each other and
// whole claims often.
func (h *history) share(t *rapid.T) {
	c := h.drawClaim(t)
	c.GPUs = []string{fmt.Sprintf("GPU-%d", rapid.IntRange(0, 1).Draw(t, "gpu"))}
	c.OfBytes = rapid.Uint64Range(90, 100).Draw(t, "of")
	c.ShareBytes = rapid.Uint64Range(1, 60).Draw(t, "share")
	h.try(t, c)
}

func (h *history) drawClaim(t *rapid.T) aim.Claim {
	token := fmt.Sprintf("t%d", rapid.IntRange(0, 9).Draw(t, "token"))
	return claimOf("d", token, rapid.IntRange(8000, 8011).Draw(t, "port"))
}

func (h *history) try(t *rapid.T, c aim.Claim) {
	got, err := h.ledger.Claim(c)
	first, again := h.held[c.Token]
	switch {
	case again:
		if err != nil || !reflect.DeepEqual(got, first) {
			t.Fatalf("claim again = %+v, %v; want %+v", got, err, first)
		}
	case h.taken(c):
		if f := aim.FailureOf(err); f == nil || f.Class != aim.ClassRefused {
			t.Fatalf("claim of %v port %d share %d: %v, want refused", c.GPUs, c.Port, c.ShareBytes, err)
		}
	default:
		if err != nil {
			t.Fatalf("claim of %v port %d share %d: %v", c.GPUs, c.Port, c.ShareBytes, err)
		}
		h.held[c.Token] = got
	}
}

// taken is the slow model of the rule: the port in anybody's hands, or a GPU of
// which there would be given out more than there is.
func (h *history) taken(c aim.Claim) bool {
	all := []aim.Claim{c}
	for _, held := range h.held {
		if held.Port == c.Port {
			return true
		}
		all = append(all, held)
	}
	return givenTwice(all) != ""
}

func (h *history) draw(t *rapid.T) aim.Identity {
	return claimOf("d", fmt.Sprintf("t%d", rapid.IntRange(0, 9).Draw(t, "token")), 0).Identity
}

func (h *history) release(t *rapid.T) {
	id := h.draw(t)
	if err := h.ledger.Release(id); err != nil {
		t.Fatal(err)
	}
	delete(h.held, id.Token)
}

func (h *history) stopping(t *rapid.T) {
	id := h.draw(t)
	if err := h.ledger.Stopping(id); err != nil {
		t.Fatal(err)
	}
	if c, ok := h.held[id.Token]; ok {
		c.Stopping = true
		h.held[id.Token] = c
	}
}

func (h *history) check(t *rapid.T) {
	claims := h.ledger.Claims()
	if len(claims) != len(h.held) {
		t.Fatalf("%d claims, want %d", len(claims), len(h.held))
	}
	for _, c := range claims {
		if !reflect.DeepEqual(c, h.held[c.Token]) {
			t.Fatalf("claim %+v, want %+v", c, h.held[c.Token])
		}
	}
	if why := givenTwice(claims); why != "" {
		t.Fatal(why)
	}
}
