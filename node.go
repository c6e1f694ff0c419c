package aim

import (
	"slices"
	"strings"
)

// Node is a machine as it describes itself: the inventory snapshot. Only the
// node writes it; everybody else reads it.
type Node struct {
	ID        string            `json:"id"`       // DNS label
	Address   string            `json:"address"`  // where its endpoints listen
	Host      string            `json:"hostname"` // for people
	Labels    map[string]string `json:"labels,omitempty"`
	Version   string            `json:"version"`
	Simulated bool              `json:"simulated,omitempty"` // its GPUs are not real
	BootID    string            `json:"boot_id"`
	Namespace string            `json:"namespace_id,omitempty"` // id of the Temporal namespace it works for
	Runtimes  []string          `json:"runtimes"`               // docker, process; first is preferred

	Epoch    uint64 `json:"epoch"`    // grows with each start of the agent
	Revision uint64 `json:"revision"` // grows with each change of content

	Detection
	Claims    []Claim    `json:"claims"`    // by GPU
	Endpoints []Endpoint `json:"endpoints"` // by deployment, ordinal

	Shares     bool              `json:"shares,omitempty"` // its owner lets replicas share the memory of one GPU
	Cordon     string            `json:"cordon,omitempty"` // why no new replica may come here; "" = open
	CPUs       int               `json:"cpus"`
	HostBytes  uint64            `json:"host_memory_bytes"`
	HostFree   uint64            `json:"host_memory_free_bytes"`
	DiskFree   uint64            `json:"disk_free_bytes"` // of the file system that holds weights
	Images     []string          `json:"images,omitempty"`
	Models     []string          `json:"models,omitempty"`      // weights that are complete on this node
	ModelBytes map[string]uint64 `json:"model_bytes,omitempty"` // of each of them
	ClaimCPUs  int               `json:"claimed_cpus,omitempty"`
	ClaimBytes uint64            `json:"claimed_host_memory_bytes,omitempty"`
}

// NodeLabel is the label that every node carries with its own id.
const NodeLabel = "node"

// Liveness is what control has made of a node's beats.
type Liveness string

// Alive, then silent (beats missed), then either away (its endpoints still
// answer) or lost (they do not).
const (
	Alive  Liveness = "alive"
	Silent Liveness = "silent"
	Away   Liveness = "away"
	Lost   Liveness = "lost"
)

// FleetNode is a node with control's verdict about it.
type FleetNode struct {
	Node
	Liveness Liveness `json:"liveness"`
	AgeMS    int64    `json:"age_ms"` // since the last beat, at the time of the snapshot
	// Live is what its servers and GPUs do now, where a reader has asked for it; it
	// is never part of a snapshot.
	Live *LiveNode `json:"live,omitempty"`
}

// Fleet is all nodes as seen at one moment, by id. It is never changed.
type Fleet struct {
	Nodes []FleetNode `json:"nodes"`
}

// Find returns the node with this id.
func (f Fleet) Find(id string) (FleetNode, bool) {
	for _, n := range f.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return FleetNode{}, false
}

// GPUState is what one GPU is doing, for tables and metrics.
type GPUState string

// The states of a GPU. Every GPU is in exactly one.
const (
	GPUFree        GPUState = "free"
	GPUClaimed     GPUState = "claimed"
	GPUBusy        GPUState = "busy" // used by a stranger
	GPUUnhealthy   GPUState = "unhealthy"
	GPUQuarantined GPUState = "quarantined"
	GPUUnknown     GPUState = "unknown" // on a node that does not answer, or not readable
)

// holders names the replicas that hold the GPU, or shares of it, in the order
// of their names.
func (n Node) holders(gpuID string) (names []string) {
	for _, c := range n.Claims {
		if c.Holds(gpuID) {
			names = append(names, c.ReplicaName())
		}
	}
	slices.Sort(names)
	return names
}

// StateOf tells the state of one of the node's GPUs, and why it is not free.
func (n FleetNode) StateOf(g GPU) (GPUState, string) {
	if n.Liveness != Alive && n.Liveness != "" {
		return GPUUnknown, "node is " + string(n.Liveness)
	}
	if g.Health == HealthQuarantined {
		return GPUQuarantined, g.HealthReason
	}
	if g.Health != HealthOK {
		return GPUUnhealthy, g.HealthReason
	}
	if names := n.holders(g.ID); len(names) > 0 {
		return GPUClaimed, strings.Join(names, " ")
	}
	if g.Busy != nil {
		return GPUBusy, g.Busy.Who
	}
	if ok, why := g.Usable(); !ok {
		return GPUUnknown, why
	}
	return GPUFree, ""
}

// NodeState is what a node has been told, or has decided, about itself. It is
// kept on its disk.
type NodeState struct {
	Cordon     string               `json:"cordon,omitempty"` // why; "" = open
	Labels     map[string]string    `json:"labels,omitempty"`
	Quarantine map[string]string    `json:"quarantine,omitempty"` // GPU id -> why
	Errors     map[string]GPUErrors `json:"errors,omitempty"`     // by GPU.Board
}

// GPUErrors is what a node remembers of a GPU's uncorrectable errors. The driver
// counts from 0 when it is loaded, so that counts can be compared only within
// one boot; a reset of the GPU may clear them even then.
type GPUErrors struct {
	BootID   string            `json:"boot_id"`
	Seen     map[string]uint64 `json:"seen"`               // the most that was counted, by RAS block
	Accepted map[string]uint64 `json:"accepted,omitempty"` // of these an operator knows
}

// Machine is what a node has besides GPUs, in bytes; 0 = not known.
type Machine struct {
	CPUs                int
	HostBytes, HostFree uint64 // memory, and what programs could still get of it
	DiskFree            uint64 // where weights go
	BootID              string // changes with every start of the machine
}

// Stranger is a container that is not ours and was given GPUs.
type Stranger struct {
	Who     string
	Renders []string // names of the render nodes it was given: "renderD128"
}

// GPUUser is a process that holds memory or queues on a GPU.
type GPUUser struct {
	PID   int    `json:"pid"`
	Name  string `json:"name,omitempty"`
	Bytes uint64 `json:"bytes"` // VRAM it holds on this GPU; 0 when only queues are open
}

// LogOptions chooses a part of a server's log.
type LogOptions struct {
	Follow bool `json:"follow,omitempty"`
	Tail   int  `json:"tail,omitempty"` // last lines only; 0 = all
}
