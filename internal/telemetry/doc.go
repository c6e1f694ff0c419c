// Package telemetry is what a process tells Prometheus and whoever looks after it:
//
//	p := telemetry.New()
//	p.WatchFleet(view.Fleet)       // aim_gpus, aim_claims, aim_endpoints, aim_inventory_age_seconds
//	handler, err := p.SDK(log)     // the metrics of Temporal's SDK
//	p.Interceptor()                // aim_step_duration_seconds, aim_placement_duration_seconds
//	err = p.Listen("127.0.0.1:0")  // before the process takes any work
//	go p.Serve(ctx, log)           // /metrics, /healthz, /readyz
//	p.SetReady()
package telemetry
