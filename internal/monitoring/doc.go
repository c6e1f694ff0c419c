// Package monitoring writes the dashboards of deploy/grafana: what is asked of
// Prometheus is Go (dashboards.go), Grafana's JSON is made from it, so that a
// question can be read, reviewed and tried. The alerts are deploy/prometheus.
//
//	for _, d := range monitoring.Dashboards() {
//		os.WriteFile(d.UID+".json", d.JSON(), 0o644)
//	}
package monitoring
