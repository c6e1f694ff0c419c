package node

import (
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/activitytest"
)

func (b *box) records() int {
	b.Node.mu.Lock()
	defer b.Node.mu.Unlock()
	return len(b.attempts)
}

// What a refused claim leaves behind is forgotten; a stop is remembered for as
// long as a claim of the same attempt may be on its way.
func TestAttemptsThatLeftNothingAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.Silence = time.Minute })
	b.mustClaim(identity("holder"), b.gpu(0))
	for _, name := range []string{"b", "c", "d"} {
		_, err := b.claim(identity(name), b.gpu(0))
		activitytest.Failure(t, err, aim.ClassRefused)
	}
	if _, err := b.stop(identity("stopped")); err != nil {
		t.Fatal(err)
	}
	b.sweep(time.Now(), b.ledger.Claims())
	if got := b.records(); got != 5 {
		t.Errorf("%d records at once, want 5", got)
	}
	b.sweep(time.Now().Add(2*time.Minute), b.ledger.Claims())
	if got := b.records(); got != 1 || b.attempt(identity("holder")) == nil {
		t.Errorf("%d records after a while, want that of the holder", got)
	}
}

// Nothing of an agent is at work when its node has been waited for.
func TestNothingOutlivesTheNode(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustServe(identity("a"), "")
	w := watch(b, identity("a"))
	b.mustClaim(identity("b"), b.gpu(1))
	if _, err := b.start(identity("b"), rung(1, "hang")); err != nil {
		t.Fatal(err)
	}
	b.endLife()
	b.Node.Wait()
	if m := b.attempt(identity("a")).monitor; m == nil || !isClosed(m.done) {
		t.Error("a monitor is still at work")
	}
	activitytest.Retried(t, w.wait(t), "the next one goes on watching")
}
