package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/workflows"
)

// countEvery is how often the leader counts replicas, one count a phase: as often
// as Prometheus asks by default, and less than one count a second.
const countEvery = 15 * time.Second

// replicaCounter counts running Replica workflows by phase, from Temporal's
// visibility store, where every phase is a search attribute.
type replicaCounter struct {
	temporal client.Client
	gauge    *prometheus.GaugeVec
	log      *slog.Logger
}

func (m *monitor) countReplicas(t client.Client, log *slog.Logger) *replicaCounter {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "aim_replicas", Help: "Running replicas by phase, as counted by the leading control process.",
	}, []string{"phase"})
	m.registry.MustRegister(gauge)
	return &replicaCounter{temporal: t, gauge: gauge, log: log}
}

// run counts until ctx ends.
func (c *replicaCounter) run(ctx context.Context) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if err := c.count(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("could not count replicas", "error", err)
		}
		select {
		case <-ctx.Done():
			c.gauge.Reset() // another process leads now, or none
			return
		case <-tick.C:
		}
	}
}

func (c *replicaCounter) count(ctx context.Context) error {
	for _, phase := range aim.Phases() {
		if phase.Final() {
			continue
		}
		query := fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'",
			workflows.TypeReplica, workflows.AttrPhase.GetName(), phase)
		r, err := c.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return fmt.Errorf("count replicas in phase %s: %w", phase, err)
		}
		c.gauge.WithLabelValues(string(phase)).Set(float64(r.Count))
	}
	return nil
}
