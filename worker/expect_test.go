package worker

import (
	"context"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/workflows"
)

// on starts a replica that is on this node, as visibility has it.
func on(t *testing.T, c client.Client, name, node string) {
	t.Helper()
	begun(t, c, workflows.ReplicaID(name, 0), workflows.TypeReplica, func(o *client.StartWorkflowOptions) {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.AttrNode.ValueSet(node))
	})
}

func TestNodesInUse(t *testing.T) {
	c := server(t).dial(t)
	on(t, c, "expect-a", "away-1")
	on(t, c, "expect-b", "away-2")
	on(t, c, "expect-c", "away-1")
	on(t, c, "expect-placing", "") // it has no node yet
	on(t, c, "expect-closed", "away-3")
	terminate(t, c, workflows.ReplicaID("expect-closed", 0))
	begun(t, c, "expect-other", "SomebodyElses", func(o *client.StartWorkflowOptions) {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.AttrNode.ValueSet("away-4"))
	})
	var nodes map[string]bool
	eventually(t, "visibility has them", func() bool {
		var err error
		if nodes, err = nodesInUse(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return nodes["away-1"] && nodes["away-2"] && !nodes["away-3"]
	})
	if nodes["away-4"] || nodes[""] {
		t.Errorf("nodes in use are %v", nodes)
	}
}

// A control process that starts late shows the nodes that it never hears.
func TestControlJudgesNodesItNeverHears(t *testing.T) {
	s := server(t)
	c := s.dial(t)
	on(t, c, "late-a", "gone-1")
	conn, err := inventory.Connect(t.Context(), s.connection().NATS, "aim-control/late", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	late := &Control{log: quiet(), temporal: c, view: inventory.NewView(conn, inventory.ViewOptions{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- late.view.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "visibility has it", func() bool {
		nodes, err := nodesInUse(ctx, c)
		return err == nil && nodes["gone-1"]
	})
	late.expect(ctx)
	verdict, ok := late.view.Verdict("gone-1")
	if !ok || verdict.Liveness != aim.Silent || !strings.Contains(verdict.Reason, "not heard since control started") {
		t.Errorf("%+v, %v", verdict, ok)
	}
	if n, ok := late.view.Fleet().Find("gone-1"); !ok || n.Liveness == aim.Alive {
		t.Errorf("the fleet shows %+v, %v", n, ok)
	}
}
