package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

// tooMuch is a text that no message may carry: Temporal refuses 2 MiB, NATS 1 MiB.
var tooMuch = strings.Repeat("a reason that does not end; ", 100_000)

// unwell is a runtime whose daemon says too much.
type unwell struct{ Runtime }

func (unwell) Check(context.Context) error { return errors.New(tooMuch) }

// Every text that somebody else has written is bounded where it enters the node: a
// snapshot stays a few KiB whatever is said.
func TestNoTextMakesASnapshotLong(t *testing.T) {
	t.Parallel()
	b := newBox(t, 2)
	b.mustClaim(identity("a"), b.gpu(0))
	size := func() int {
		text, err := json.Marshal(b.Inventory())
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	before := size()
	for name, say := range map[string]func(){
		"why a node is cordoned": func() {
			if _, err := b.SetNode(t.Context(), activities.SetNodeRequest{Cordon: &tooMuch}); err != nil {
				t.Error(err)
			}
		},
		"why nobody knows the owner of a claim": func() {
			b.attempt(identity("a")).mark(time.Now(), tooMuch)
		},
		"why a GPU is in quarantine": func() {
			if _, err := b.quarantine(map[string]string{b.gpu(1): tooMuch}); err != nil {
				t.Error(err)
			}
		},
		"why no server can be started": func() {
			b.ports.Runtimes = []Runtime{unwell{b.ports.Runtimes[0]}}
			b.Node.ports.Runtimes = b.ports.Runtimes
			b.CheckRuntime(t.Context())
		},
		"why the ledger cannot be written": func() { b.Node.ledger.note(errors.New(tooMuch)) },
		"why no work is heard of":          func() { b.Node.ports.Deaf = func() string { return tooMuch } },
		"why a server is not well": func() {
			a := b.attempt(identity("a"))
			a.setEndpoint(aim.Endpoint{Identity: identity("a"), Healthy: true})
			(&watching{Node: b.Node, attempt: a, server: aim.Server{Identity: identity("a")}}).tell(tooMuch)
		},
	} {
		say()
		if grown := size() - before; grown > 8<<10 {
			t.Errorf("%s: the snapshot has grown by %d bytes", name, grown)
			before = size()
		}
	}
}

// Labels are part of every snapshot: there are only so many.
func TestTooManyLabelsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	labels := map[string]string{}
	for i := range 1000 {
		labels[fmt.Sprintf("label-%d", i)] = "x"
	}
	_, err := call[activities.SetNodeResult](b, activities.SetNode, activities.SetNodeRequest{Labels: labels})
	activitytest.Failure(t, err, aim.ClassInput, "labels")
	if n := len(b.Inventory().Labels); n > 1 {
		t.Errorf("the node has %d labels", n)
	}
	for _, change := range []map[string]string{{"rack": "r1"}, {"rack": ""}} { // one can still be set, and taken away
		if _, err := b.SetNode(t.Context(), activities.SetNodeRequest{Labels: change}); err != nil {
			t.Error(err)
		}
	}
}
