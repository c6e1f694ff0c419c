// Package discovery tells Prometheus whom to scrape: every server, node, gateway and
// control process of the fleet as it is now, by Prometheus' HTTP service discovery.
//
//	mux.Handle("GET /sd", discovery.Handler(func() []discovery.Group {
//		return discovery.Targets(view.Fleet(), processes.List(), bootID)
//	}))
package discovery
