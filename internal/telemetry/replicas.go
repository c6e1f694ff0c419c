package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/aim-engine/aim"
)

// Replicas adds the gauge of running replicas. What it returns sets it; nil takes
// all counts away, as when another process counts.
func (p *Process) Replicas() (set func(map[aim.Phase]int64)) {
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "aim_replicas", Help: "Running replicas by phase, as counted by the leading control process.",
	}, []string{"phase"})
	p.Registry.MustRegister(gauge)
	return func(counts map[aim.Phase]int64) {
		if counts == nil {
			gauge.Reset()
		}
		for phase, n := range counts {
			gauge.WithLabelValues(string(phase)).Set(float64(n))
		}
	}
}
