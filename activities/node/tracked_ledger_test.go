package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// breakLedger makes every write fail, for root too, and returns what mends it.
func (b *box) breakLedger() (mend func()) {
	b.t.Helper()
	dir := filepath.Join(b.dir, "ledger")
	if err := os.Rename(dir, dir+".away"); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(dir); err != nil {
			b.t.Fatal(err)
		}
		if err := os.Rename(dir+".away", dir); err != nil {
			b.t.Fatal(err)
		}
	}
}

// A node whose ledger cannot be written serves on, can be told to stop a server,
// takes nothing new, says why, and comes back by itself.
func TestANodeThatCannotWrite(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustServe(identity("a"), "")
	mend := b.breakLedger()
	if err := b.Scan(t.Context(), b.started); err != nil {
		t.Fatal(err)
	}
	n := b.Inventory()
	if !strings.Contains(n.Cordon, "its ledger cannot be written") || len(n.Endpoints) != 1 || !n.Endpoints[0].Healthy {
		t.Errorf("cordon %q, endpoints %+v", n.Cordon, n.Endpoints)
	}
	if _, err := b.claim(identity("b"), b.gpu(1)); err == nil {
		t.Error("a claim was granted that could not be written")
	}
	if _, err := b.stop(identity("a")); err != nil || b.runs() != "" {
		t.Errorf("stop: %v, running %q", err, b.runs())
	}
	retried(t, b.release(identity("a")))
	b.Tend(t.Context())
	if b.Inventory().Cordon == "" || len(b.ledger.Claims()) != 1 {
		t.Errorf("still broken: cordon %q, claims %+v", b.Inventory().Cordon, b.ledger.Claims())
	}
	mend()
	b.Tend(t.Context())
	if got := b.Inventory().Cordon; got != "" {
		t.Errorf("mended, and cordoned: %s", got)
	}
	if err := b.release(identity("a")); err != nil {
		t.Fatal(err)
	}
	b.mustClaim(identity("b"), b.gpu(0))
}
