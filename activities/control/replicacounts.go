package control

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// countEvery is how often the leader counts replicas, one count a phase: as often
// as Prometheus asks by default, and less than one count a second.
const countEvery = 15 * time.Second

// ReplicaCounter counts running Replica workflows by phase, from Temporal's
// visibility store, where every phase is a search attribute.
type ReplicaCounter struct {
	Workflows
	Tell func(map[aim.Phase]int64) // nil = this process does not count any more
	Log  *slog.Logger
}

// Run counts until ctx ends.
func (c ReplicaCounter) Run(ctx context.Context) {
	defer c.Tell(nil)
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		counts, err := c.count(ctx)
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("could not count replicas", "error", err)
		}
		c.Tell(counts)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// count is never nil; after an error it has what was counted before.
func (c ReplicaCounter) count(ctx context.Context) (map[aim.Phase]int64, error) {
	counts := map[aim.Phase]int64{}
	for _, phase := range aim.Phases() {
		if phase.Final() {
			continue
		}
		query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'",
			workflows.TypeReplica, workflows.AttrPhase.GetName(), phase)
		r, err := c.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return counts, fmt.Errorf("count replicas in phase %s: %w", phase, err)
		}
		counts[phase] = r.Count
	}
	return counts, nil
}
