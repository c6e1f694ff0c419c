package spool

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aim-engine/aim/internal/store"
)

// counter counts as the store does: an id once.
type counter struct {
	mu   sync.Mutex
	seen map[string]store.Usage
	err  error
}

func (c *counter) ship(_ context.Context, all []store.Usage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	for _, u := range all {
		c.seen[u.ID] = u
	}
	return nil
}

func open(t *testing.T, dir string, c *counter) *Spool {
	t.Helper()
	s, err := Open(dir, c.ship, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestWhatAKilledGatewayWasDoingIsCountedAsInterrupted(t *testing.T) {
	c, dir := &counter{seen: map[string]store.Usage{}}, t.TempDir()
	killed := open(t, dir, c)
	done := killed.Begin(store.Usage{Key: "a", Deployment: "m", Prompt: 5})
	killed.Begin(store.Usage{Key: "a", Deployment: "m", Prompt: 7})
	killed.End(done, store.Usage{Key: "a", Deployment: "m", Prompt: 6, Completion: 2})
	_, _ = killed.file.WriteString(`e 2 {"id":"cut o`) // in the middle of a line
	_ = killed.lock.Release()                          // as the kernel does

	next := open(t, dir, c)
	if err := next.Run(ended()); err != nil {
		t.Fatal(err)
	}
	var prompt, interrupted int64
	for _, u := range c.seen {
		prompt += u.Prompt
		if u.Interrupted {
			interrupted++
		}
	}
	if len(c.seen) != 2 || prompt != 13 || interrupted != 1 {
		t.Errorf("%+v", c.seen)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.left")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAStoreThatIsAwayLosesNothing(t *testing.T) {
	c, dir := &counter{seen: map[string]store.Usage{}, err: errors.New("away")}, t.TempDir()
	s := open(t, dir, c)
	for range 3 {
		s.End(s.Begin(store.Usage{Key: "a"}), store.Usage{Key: "a", Completion: 1})
		s.tick(time.Now().Add(segmentFor))
		if err := s.shipClosed(t.Context()); err == nil {
			t.Fatal("it was shipped")
		}
	}
	c.err = nil
	if err := s.shipClosed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(c.seen) != 3 {
		t.Errorf("%d of 3 were counted", len(c.seen))
	}
	_ = s.Run(ended())
}

func TestAnOpenRequestIsCarriedOverSegmentsAndCountedOnce(t *testing.T) {
	c, dir := &counter{seen: map[string]store.Usage{}}, t.TempDir()
	s := open(t, dir, c)
	long := s.Begin(store.Usage{Key: "a"})
	for range 3 {
		s.tick(time.Now().Add(segmentFor))
		if err := s.shipClosed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.seen) != 0 {
		t.Errorf("an open request was counted: %+v", c.seen)
	}
	s.End(long, store.Usage{Key: "a", Completion: 9})
	if err := s.Run(ended()); err != nil {
		t.Fatal(err)
	}
	if len(c.seen) != 1 {
		t.Errorf("%+v", c.seen)
	}
}

func TestTwoGatewaysDoNotShareAFolder(t *testing.T) {
	c, dir := &counter{}, t.TempDir()
	s := open(t, dir, c)
	if _, err := Open(dir, c.ship, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a second one opened it")
	}
	_ = s.Run(ended())
}

func FuzzSegments(f *testing.F) {
	f.Add([]byte("b 1 {\"id\":\"x\"}\ne 1 {\"id\":\"x\"}\nb"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "s")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(path, true); err != nil {
			t.Fatal(err)
		}
	})
}
