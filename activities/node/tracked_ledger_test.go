package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/activitytest"
)

// breakLedger makes every write fail, for root too, and returns what mends it.
func (b *box) breakLedger() (mend func()) {
	b.t.Helper()
	var undo []func() error
	for _, name := range []string{"claims.json", "state.json"} { // a folder in its place cannot be replaced by a file
		file := filepath.Join(b.dir, "ledger", name)
		if err := os.Rename(file, file+".away"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(file, "full"), 0o700); err != nil {
			b.t.Fatal(err)
		}
		undo = append(undo, func() error { return os.RemoveAll(file) })
	}
	return func() {
		for _, f := range undo {
			if err := f(); err != nil {
				b.t.Fatal(err)
			}
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
	_, err := b.claim(identity("b"), b.gpu(1))
	activitytest.Failure(t, err, aim.ClassDisk, "cannot write its ledger")
	_, err = b.claim(identity("b"), b.gpu(0))
	activitytest.Failure(t, err, aim.ClassRefused)
	if b.Inventory().Cordon == "" {
		t.Error("a refusal has opened the node")
	}
	if _, err := b.stop(identity("a")); err != nil || b.runs() != "" {
		t.Errorf("stop: %v, running %q", err, b.runs())
	}
	activitytest.Retried(t, b.release(identity("a")))
	if err := b.release(identity("b")); err != nil || b.Inventory().Cordon == "" {
		t.Errorf("the release of a claim that was never written: %v, cordon %q", err, b.Inventory().Cordon)
	}
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
