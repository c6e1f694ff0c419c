package worker

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/workflows"
)

// A control process that starts late shows the nodes that it never hears.
func TestControlJudgesNodesItNeverHears(t *testing.T) {
	s := servertest.Get(t)
	c := s.Dial(t)
	servertest.Begin(t, c, workflows.ReplicaID("late-a", 0), workflows.TypeReplica, func(o *client.StartWorkflowOptions) {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.AttrNode.ValueSet("gone-1"))
	})
	conn, err := inventory.Connect(t.Context(), s.Connection().NATS, "aim-control/late", nil)
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
	servertest.Eventually(t, "visibility has it", func() bool {
		running, err := late.workflows().Running(ctx)
		return err == nil && slices.ContainsFunc(running, func(r control.RunningReplica) bool { return r.Node == "gone-1" })
	})
	late.expectNodes(ctx)
	verdict, ok := late.view.Verdict("gone-1")
	if !ok || verdict.Liveness != aim.Silent || !strings.Contains(verdict.Reason, "not heard since control started") {
		t.Errorf("%+v, %v", verdict, ok)
	}
	if n, ok := late.view.Fleet().Find("gone-1"); !ok || n.Liveness == aim.Alive {
		t.Errorf("the fleet shows %+v, %v", n, ok)
	}
}
