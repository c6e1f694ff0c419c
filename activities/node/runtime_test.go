package node

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

// A node whose daemon is stopped takes nothing new and says so, leaves alone what
// runs, and comes back by itself.
func TestANodeWithoutAWorkingRuntime(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustServe(identity("a"), "")
	real := b.Node.ports.Runtimes
	b.Node.ports.Runtimes = []Runtime{deaf{real[0]}}
	b.CheckRuntime(t.Context())
	n := b.Inventory()
	if !strings.Contains(n.Cordon, "no server can be started") || !strings.Contains(n.Cordon, "it is deaf") || len(n.Endpoints) != 1 || !n.Endpoints[0].Healthy {
		t.Errorf("cordon %q, endpoints %+v", n.Cordon, n.Endpoints)
	}
	b.Node.ports.Runtimes = real
	b.CheckRuntime(t.Context())
	if got := b.Inventory().Cordon; got != "" {
		t.Errorf("it works again, and is cordoned: %s", got)
	}
}

// What people write about a node is part of every snapshot: it is bounded.
func TestSetNodeBoundsTexts(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	long := strings.Repeat("x", 1<<20)
	if _, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Cordon: &long}); err != nil {
		t.Fatal(err)
	}
	if got := len(b.Inventory().Cordon); got > activities.MaxText || got == 0 {
		t.Errorf("the reason has %d bytes", got)
	}
	_, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Labels: map[string]string{"a": long}})
	activitytest.Failure(t, err, aim.ClassInput, "at most 253 bytes")
}
