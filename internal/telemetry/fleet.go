package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/aim-engine/aim"
)

// Descriptions of what is read at each scrape.
var (
	gpusDesc = prometheus.NewDesc("aim_gpus", "GPUs by node and state.", []string{"node", "state"}, nil)
	ageDesc  = prometheus.NewDesc("aim_inventory_age_seconds", "Time since the node's last beat.", []string{"node", "liveness"}, nil)
	endsDesc = prometheus.NewDesc("aim_endpoints", "Endpoints by node and health.", []string{"node", "healthy"}, nil)
	clmsDesc = prometheus.NewDesc("aim_claims", "Claims by node and whether an owner is known.", []string{"node", "owned"}, nil)
	diskDesc = prometheus.NewDesc("aim_disk_free_bytes", "Free space where the node keeps weights.", []string{"node"}, nil)
)

// fleetCollector counts the fleet as it is at the moment of a scrape.
type fleetCollector struct {
	fleet func() aim.Fleet
}

// Describe implements prometheus.Collector.
func (c fleetCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{gpusDesc, ageDesc, endsDesc, clmsDesc, diskDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c fleetCollector) Collect(ch chan<- prometheus.Metric) {
	for _, n := range c.fleet().Nodes {
		states := map[string]int{}
		for _, g := range n.GPUs {
			state, _ := n.StateOf(g)
			states[string(state)]++
		}
		endpoints, claims := map[string]int{}, map[string]int{}
		for _, e := range n.Endpoints {
			endpoints[yes(e.Healthy)]++
		}
		for _, c := range n.Claims {
			claims[yes(c.Unowned == "")]++
		}
		emit(ch, gpusDesc, n.ID, states)
		emit(ch, endsDesc, n.ID, endpoints)
		emit(ch, clmsDesc, n.ID, claims)
		ch <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, float64(n.DiskFree), n.ID)
		ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, float64(n.AgeMS)/1000, n.ID, string(n.Liveness))
	}
}

func emit(ch chan<- prometheus.Metric, d *prometheus.Desc, node string, counts map[string]int) {
	for label, count := range counts {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(count), node, label)
	}
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// WatchFleet adds the fleet as this process sees it.
func (p *Process) WatchFleet(fleet func() aim.Fleet) {
	p.Registry.MustRegister(fleetCollector{fleet: fleet})
}
