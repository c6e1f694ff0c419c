package worker

import (
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/control"
)

// Connection says how to reach Temporal and NATS.
type Connection struct {
	Address   string // Temporal frontend, host:port
	Namespace string // Temporal namespace
	NATS      string // NATS URL

	// TLS and credentials of an existing cluster; empty for none.
	TLSCert, TLSKey, TLSCA string // files
	APIKey                 string // resolved value, never logged
	NATSCreds              string // file
}

// ControlConfig is what a control process needs.
type ControlConfig struct {
	Connection
	ID      string                 // names this process in Temporal and logs; "" = hostname and pid
	Metrics string                 // address of /metrics, /healthz and /readyz; "" = none, port 0 = any
	Recipes []string               // folders of recipes that add to or override the embedded ones
	Relief  control.RebalanceLevel // what may be done to make room for those who wait; "" = nothing
}

// NodeConfig is what a node agent needs.
type NodeConfig struct {
	Connection
	ID      string            // DNS label; names queue, subjects and inventory
	Address string            // where endpoints listen and are reached; "" = loopback
	Labels  map[string]string // added to those of the state file
	Dir     string            // state: ledger, servers, logs
	Metrics string            // address of /metrics, /healthz and /readyz
	Self    string            // path of the aim binary, for shims

	Sysfs string // folder above sys/, or sys/ itself
	Dev   string // folder of kfd and dri/

	Runtime    string              // docker, process, or "" for docker where it answers, else none
	DockerHost string              // address of the Docker daemon; "" = DOCKER_HOST, or the local socket
	Commands   map[string][]string // process runtime: backend -> program and first arguments
	PortFirst  int                 // endpoint ports
	PortLast   int
	Shares     bool      // replicas may share the memory of one GPU
	Level      aim.Level // container profile
	Registries []string  // prefixes of images that may run; empty = all
	Grace      time.Duration

	Cache       string   // Hugging Face home, shared by all servers of the node
	HubEndpoint string   // HF_ENDPOINT; "" = the public hub
	HubOffline  bool     // never ask the hub
	WeightRoots []string // folders below which a model may be given by path
	HubToken    string   // secret reference; "" = env:HF_TOKEN
	Secrets     []string // secret references that deployments may use; a trailing * matches the rest

	// SimulateRoot marks a simulated node: the folder of its private tree, which
	// the stand-in server needs to see.
	SimulateRoot string

	// Rescan is how often GPUs are read when nothing else asks (30 s).
	Rescan time.Duration
	// Silence is how long a claim may go without an activity of its owner
	// before the node asks Temporal whose it is (30 s).
	Silence time.Duration
}
