package aim

import (
	"fmt"
	"time"
)

// Phase of a replica or a deployment.
//
//	Pending → Placing → Pulling → Fetching → Starting → Proving → Ready ⇄ Degraded
//	   any phase → Stopping → Stopped;  no rung left → Failed
type Phase string

// The phases, in the order of a replica's life.
const (
	Pending  Phase = "Pending"
	Placing  Phase = "Placing"
	Pulling  Phase = "Pulling"
	Fetching Phase = "Fetching"
	Starting Phase = "Starting"
	Proving  Phase = "Proving"
	Ready    Phase = "Ready"
	Degraded Phase = "Degraded"
	Stopping Phase = "Stopping"
	Stopped  Phase = "Stopped"
	Failed   Phase = "Failed"
)

// Phases lists the phases in the order of a replica's life.
func Phases() []Phase {
	return []Phase{Pending, Placing, Pulling, Fetching, Starting, Proving, Ready, Degraded, Stopping, Stopped, Failed}
}

// Final tells whether nothing more happens after this phase.
func (p Phase) Final() bool { return p == Stopped || p == Failed }

// Identity says whose a claim, a server or an endpoint is. Claims and servers
// are adopted only when UID and Token are equal.
type Identity struct {
	Deployment string `json:"deployment"`
	UID        string `json:"uid"` // first run id of the Deployment workflow
	Ordinal    int    `json:"ordinal"`
	Rank       int    `json:"rank,omitempty"` // of a replica that spans nodes
	Attempt    int    `json:"attempt"`        // 1 for the first; grows with every new placement
	Token      string `json:"token"`          // random, one per attempt
	Namespace  string `json:"namespace_id,omitempty"`
}

// ReplicaName is what people call the replica: "qwen3-32b/0".
func (id Identity) ReplicaName() string { return fmt.Sprintf("%s/%d", id.Deployment, id.Ordinal) }

// Server is the name of the attempt's container or server folder:
// aim-<deployment>-<ordinal>-<last 8 of uid>-<attempt>, with "-r<rank>" after it for
// ranks beyond the first.
func (id Identity) Server() string {
	uid := id.UID
	if n := len(uid) - 8; n > 0 {
		uid = uid[n:] // run ids begin with the time and end with chance
	}
	name := fmt.Sprintf("aim-%s-%d-%s-%d", id.Deployment, id.Ordinal, uid, id.Attempt)
	if id.Rank > 0 {
		name += fmt.Sprintf("-r%d", id.Rank)
	}
	return name
}

// Same tells whether both name the same attempt of the same replica.
func (id Identity) Same(o Identity) bool {
	return id.UID == o.UID && id.Token == o.Token && id.Ordinal == o.Ordinal && id.Rank == o.Rank
}

// Owner is the part of an identity that a Replica workflow keeps in its memo,
// so that a node can ask whose a claim is without a worker's help.
type Owner struct {
	UID     string `json:"uid"`
	Attempt int    `json:"attempt"`
	Token   string `json:"token"`
}

// Ownership is Temporal's word about a claim: whether its Deployment is the one it
// was made for, and its Replica runs and names this attempt as its Owner.
type Ownership struct {
	Owned bool
	Why   string // why not
}

// Claim is a node's own record that GPUs belong to a replica.
type Claim struct {
	Identity
	GPUs       []string  `json:"gpus"`                  // ids, in the order of the ranks of tensor parallelism
	ShareBytes uint64    `json:"share_bytes,omitempty"` // of the one GPU's memory; 0 = the GPUs are held whole
	OfBytes    uint64    `json:"of_bytes,omitempty"`    // GPU.ShareBudget when the share was claimed: what all shares of it may hold
	Port       int       `json:"port"`                  // of the endpoint
	CPUs       int       `json:"cpus,omitempty"`
	HostBytes  uint64    `json:"host_memory_bytes,omitempty"`
	Since      time.Time `json:"since"`
	Replaces   string    `json:"-"`                  // token of the same replica's claim that is to become this one
	Stopping   bool      `json:"stopping,omitempty"` // its server is being stopped; GPUs not yet seen free
	Unowned    string    `json:"unowned,omitempty"`  // why nobody is known to own it
}

// ReplacedBy tells whether the claim becomes the other one: it is of the attempt of
// the same replica that the other names.
func (c Claim) ReplacedBy(o Claim) bool {
	return o.Replaces != "" && c.Token == o.Replaces && c.UID == o.UID && c.Ordinal == o.Ordinal && c.Rank == o.Rank
}

// Holds tells whether the claim holds the GPU.
func (c Claim) Holds(gpuID string) bool {
	for _, id := range c.GPUs {
		if id == gpuID {
			return true
		}
	}
	return false
}

// Endpoint is where a replica answers, and what it serves.
type Endpoint struct {
	Identity
	URL     string `json:"url"`   // http://address:port
	Model   string `json:"model"` // name to use in requests
	Backend string `json:"backend"`
	Task    string `json:"task,omitempty"` // that the server has answered: generate, embed, rerank, score
	Healthy bool   `json:"healthy"`
	Reason  string `json:"reason,omitempty"`
}

// Try is one attempt that did not end in a ready replica, or lost it again.
type Try struct {
	Attempt int          `json:"attempt"`
	Rung    int          `json:"rung"` // 1 is the top of the ladder
	Recipe  string       `json:"recipe"`
	Node    string       `json:"node,omitempty"`
	Class   FailureClass `json:"class"`
	Why     string       `json:"why"`
	Lines   []string     `json:"lines,omitempty"` // first root-cause lines of the log
	Next    string       `json:"next,omitempty"`  // what was done about it
	At      string       `json:"at,omitempty"`    // RFC 3339, by the workflow's clock
	// Fingerprint is that of the failure.
	Fingerprint string `json:"fingerprint,omitempty"`
	// ReadyMillis is how long the attempt had been ready before, 0 if never.
	ReadyMillis int64 `json:"ready_ms,omitempty"`
}

// ReplicaStatus is what a Replica workflow reports to its Deployment.
type ReplicaStatus struct {
	Ordinal   int       `json:"ordinal"`
	Attempt   int       `json:"attempt"`
	Phase     Phase     `json:"phase"`
	Since     time.Time `json:"since,omitzero"`    // when the phase began
	Reason    string    `json:"reason,omitempty"`  // why it is in this phase, or waits
	NextTry   time.Time `json:"next_try,omitzero"` // when the next attempt begins, while it pauses
	Node      string    `json:"node,omitempty"`
	GPUs      []string  `json:"gpus,omitempty"`
	Endpoint  string    `json:"endpoint,omitempty"`
	Serves    string    `json:"serves,omitempty"` // model name to use in requests
	Recipe    string    `json:"recipe,omitempty"`
	Rung      int       `json:"rung,omitempty"`
	Rungs     int       `json:"rungs,omitempty"`
	Image     string    `json:"image,omitempty"`
	Loses     string    `json:"loses,omitempty"` // what the user gives up on this rung
	Placed    string    `json:"placed,omitempty"`
	Memory    *Measured `json:"memory,omitempty"` // what the server said of its memory, beside the estimate
	Tries     []Try     `json:"tries"`
	Revision  int       `json:"revision"`
	Simulated bool      `json:"simulated,omitempty"`
	Steps     []Step    `json:"steps,omitempty"` // of the current attempt, in order
	// Live is what its server does now, where a reader has asked the node for it;
	// the workflow never has it.
	Live *Live `json:"live,omitempty"`
}

// Enter moves the replica to a phase, and says why. Since is kept while only the reason
// changes.
func (s *ReplicaStatus) Enter(p Phase, reason string, at time.Time) {
	if p != s.Phase || s.Since.IsZero() {
		s.Since = at.UTC().Truncate(time.Millisecond)
	}
	s.Phase, s.Reason, s.NextTry = p, reason, time.Time{}
}

// Step is one durable step of the current attempt.
type Step struct {
	Name    string `json:"name"`
	Started string `json:"started"`           // RFC 3339
	Millis  int64  `json:"millis,omitempty"`  // 0 while it runs
	Outcome string `json:"outcome,omitempty"` // "done", or a failure class
}

// Status is the answer of the Deployment's status query.
type Status struct {
	Name     string          `json:"name"`
	UID      string          `json:"uid"`
	Revision int             `json:"revision"` // grows with every accepted Apply
	Model    string          `json:"model"`
	Phase    Phase           `json:"phase"`
	Since    time.Time       `json:"since,omitzero"` // when the phase began
	Reason   string          `json:"reason"`
	Wanted   int             `json:"wanted"` // replicas
	Spec     DeploymentSpec  `json:"spec"`
	Replicas []ReplicaStatus `json:"replicas"`
	Rejected []Rejection     `json:"rejected,omitempty"`
	// NotTaken is why the change of this revision was not taken up; nil = it was.
	// The deployment runs on as it was.
	NotTaken *Failure `json:"not_taken,omitempty"`
}
