package aim

// Kind of a process of ours.
type ProcessKind string

// The kinds of processes that Prometheus may ask.
const (
	ControlProcess ProcessKind = "control"
	NodeProcess    ProcessKind = "node"
	GatewayProcess ProcessKind = "gateway"
)

// Process is one of our daemons as it tells of itself while it runs.
type Process struct {
	Kind    ProcessKind `json:"kind"`
	ID      string      `json:"id"`                // names it among its kind
	BootID  string      `json:"boot_id,omitempty"` // of its machine
	Metrics string      `json:"metrics,omitempty"` // host:port of /metrics; "" = it serves none
}
