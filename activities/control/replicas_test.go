package control

import (
	"os"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/servertest"
	"github.com/aim-engine/aim/workflows"
)

func TestMain(m *testing.M) { os.Exit(servertest.Main(m)) }

// on starts a replica that is on this node, as visibility has it.
func on(t *testing.T, c client.Client, name, node string) {
	t.Helper()
	servertest.Begin(t, c, workflows.ReplicaID(name, 0), workflows.TypeReplica, func(o *client.StartWorkflowOptions) {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.AttrNode.ValueSet(node))
	})
}

func TestNodesOfRunningReplicasAreExpected(t *testing.T) {
	c := servertest.Get(t).Dial(t)
	on(t, c, "expect-a", "away-1")
	on(t, c, "expect-b", "away-2")
	on(t, c, "expect-c", "away-1")
	on(t, c, "expect-placing", "") // it has no node yet
	on(t, c, "expect-closed", "away-3")
	servertest.End(t, c, workflows.ReplicaID("expect-closed", 0))
	servertest.Begin(t, c, "expect-other", "SomebodyElses", func(o *client.StartWorkflowOptions) {
		o.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.AttrNode.ValueSet("away-4"))
	})
	var nodes map[string]bool
	servertest.Eventually(t, "visibility has them", func() bool {
		nodes = map[string]bool{}
		settled := make(chan struct{})
		close(settled)
		if err := (Workflows{Temporal: c}).ExpectNodes(t.Context(), settled, func(n aim.Node) { nodes[n.ID] = true }); err != nil {
			t.Fatal(err)
		}
		return nodes["away-1"] && nodes["away-2"] && !nodes["away-3"]
	})
	if nodes["away-4"] || nodes[""] {
		t.Errorf("nodes in use are %v", nodes)
	}
}
