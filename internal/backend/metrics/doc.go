// Package metrics reads what LLM servers count of their own work, in Prometheus'
// text format, into one form whatever a server and its version call it.
//
//	m, err := metrics.Get(ctx, client, "http://127.0.0.1:8000/metrics", metrics.VLLM)
//
// Only the series of a table are read; everything else is passed over without
// being kept, so that a server with a million series, foreign ones, or an answer
// that does not end, costs time within bounds and no memory.
package metrics
