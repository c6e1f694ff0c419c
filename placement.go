package aim

import (
	"fmt"
	"strings"
)

// PlacementRequest asks the scheduler where one replica should go.
type PlacementRequest struct {
	Deployment string            `json:"deployment"`
	UID        string            `json:"uid"`
	Ordinal    int               `json:"ordinal"`
	Token      string            `json:"token"`              // of the attempt that asks
	Succeeds   string            `json:"succeeds,omitempty"` // token of an earlier attempt of the replica whose claim still stands: what it holds counts as free
	GPUs       int               `json:"gpus"`               // per node (rank); 0 with no ShareBytes = none, only CPUs and memory
	Nodes      int               `json:"nodes"`              // ranks; 1 unless the replica spans nodes
	GPUType    string            `json:"gpu_type,omitempty"`
	GPUTypes   []string          `json:"gpu_types,omitempty"`   // or any of these, beside GPUType
	TypeAsked  bool              `json:"type_asked,omitempty"`  // by the user: a type that no node has is waited for
	VRAMBytes  uint64            `json:"vram_bytes,omitempty"`  // least memory of each GPU
	ShareBytes uint64            `json:"share_bytes,omitempty"` // this much memory of one GPU instead of whole GPUs
	CPUs       int               `json:"cpus,omitempty"`
	HostBytes  uint64            `json:"host_memory_bytes,omitempty"`
	DiskBytes  uint64            `json:"disk_bytes,omitempty"`
	Selector   map[string]string `json:"selector,omitempty"`
	Avoid      map[string]string `json:"avoid,omitempty"` // node id -> why not there, as earlier attempts learnt
	Priority   int               `json:"priority,omitempty"`
	AskedAt    int64             `json:"asked_at"`        // unix ms of the first asking: keeps the place in the queue
	Image      string            `json:"image,omitempty"` // preferred where cached
	Model      string            `json:"model,omitempty"`
	Runtime    string            `json:"runtime,omitempty"` // docker or process; "" = either
}

// Rank is one node's share of a placement.
type Rank struct {
	Node       string   `json:"node"`
	GPUs       []string `json:"gpus"`
	ShareBytes uint64   `json:"share_bytes,omitempty"` // of the one GPU; 0 = the GPUs are held whole
}

// Placement is where a replica goes: nodes and exact GPUs for every rank.
type Placement struct {
	Ranks []Rank `json:"ranks"`
	Why   string `json:"why"` // one sentence
}

// Outcome of a placement decision.
type Outcome string

// Place: here. Wait: it could fit, but not now. Impossible: it can never fit
// on this fleet as it is.
const (
	Place      Outcome = "place"
	Wait       Outcome = "wait"
	Impossible Outcome = "impossible"
)

// Decision is the answer of placement: a Placement, or the reasons why not.
type Decision struct {
	Outcome   Outcome     `json:"outcome"`
	Placement *Placement  `json:"placement,omitempty"`
	Nodes     int         `json:"nodes"`              // nodes looked at
	Reasons   []Reason    `json:"reasons,omitempty"`  // every node that was not chosen, by rule
	Cures     []string    `json:"cures,omitempty"`    // what would make it fit, a line each
	Remedies  []Cure      `json:"remedies,omitempty"` // the same, step by step
	Scores    []NodeScore `json:"scores,omitempty"`   // best candidates, best first
}

// Reason counts the nodes that one rule turned away.
type Reason struct {
	Rule  string   `json:"rule"`            // "free GPUs"
	Text  string   `json:"text"`            // "with fewer than 4 free GPUs (15 free, at most 3 on one node)"
	Count int      `json:"count"`           // nodes
	Nodes []string `json:"nodes,omitempty"` // the first few, by name

	// Of rule "free GPUs": GPUs that would serve and are free on those nodes, and
	// the most of them on one node. The first is large and the second small where the
	// fleet is fragmented.
	FreeGPUs    int `json:"free_gpus,omitempty"`
	LargestFree int `json:"largest_free,omitempty"`
}

// NodeScore is a candidate with its score, term by term; higher is better.
type NodeScore struct {
	Node  string  `json:"node"`
	Score float64 `json:"score"`
	Terms []Term  `json:"terms"`
}

// Term is one named number: of a score, or of a memory estimate in bytes.
type Term struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// String is the decision in one line, as status and the Temporal UI show it.
func (d Decision) String() string {
	if d.Outcome == Place && d.Placement != nil {
		return d.Placement.Why
	}
	var parts []string
	for _, r := range d.Reasons {
		parts = append(parts, fmt.Sprintf("%d %s %s", r.Count, plural(r.Count, "node", "nodes"), r.Text))
	}
	s := "no node fits"
	if d.Nodes == 0 {
		s = "no node has reported yet"
	}
	if len(parts) > 0 {
		s += ": " + strings.Join(parts, "; ")
	}
	if len(d.Cures) > 0 {
		s += ". To make it fit: " + strings.Join(d.Cures, "; or ")
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
