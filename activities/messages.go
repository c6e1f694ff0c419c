package activities

import (
	"fmt"

	"github.com/aim-engine/aim"
)

// One request and one result struct per activity; fields are only added.

// SelectRequest asks for the ladder of a deployment.
type SelectRequest struct {
	Spec aim.DeploymentSpec `json:"spec"`
}

// SelectResult is the ladder, chosen once and pinned in the history.
type SelectResult struct {
	Ladder aim.Ladder `json:"ladder"`
}

// VersionRequest asks a Deployment what its replicas of a version are to run.
type VersionRequest struct {
	Name    string `json:"name"`
	UID     string `json:"uid"`
	Version int    `json:"version"`
}

// VersionResult is what they are to run. It is also the answer of the Deployment's
// query "version"; a ladder without rungs says that it knows of none.
type VersionResult struct {
	UID    string             `json:"uid"`
	Spec   aim.DeploymentSpec `json:"spec"`
	Ladder aim.Ladder         `json:"ladder"`
}

// PlaceRequest asks where one attempt of a replica should go.
type PlaceRequest struct {
	aim.PlacementRequest
	Others []aim.Alternative `json:"others,omitempty"` // of one that waits: what else it could run
}

// PlaceResult is the scheduler's answer.
type PlaceResult struct {
	aim.Decision
}

// ClaimRequest asks a node for GPUs.
type ClaimRequest struct {
	aim.Identity
	GPUs       []string      `json:"gpus"`
	ShareBytes uint64        `json:"share_bytes,omitempty"` // of the one GPU's memory; 0 = all of the GPUs
	Resources  aim.Resources `json:"resources"`
	// Replaces is the token of an earlier attempt of the same replica whose server
	// has been stopped: its claim, if the node still has it, becomes this one in one
	// write, so that nobody else has the GPUs in between.
	Replaces string `json:"replaces,omitempty"`

	// What the claim is for. Whether the node may read it is found out before the
	// claim is written; "" is not checked.
	Model    string            `json:"model,omitempty"`
	Revision string            `json:"revision,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"`
}

// ClaimResult is the claim as the node wrote it down.
type ClaimResult struct {
	Claim aim.Claim `json:"claim"`
}

// PullRequest asks for an image.
type PullRequest struct {
	aim.Identity
	Image string `json:"image"`
}

// FetchRequest asks for weights. It has no identity when it is for no
// deployment.
type FetchRequest struct {
	aim.Identity
	Model    string            `json:"model"`
	Revision string            `json:"revision,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"` // references; HF_TOKEN opens gated models

	Companions []aim.Companion `json:"companions,omitempty"` // what the replica needs besides
}

// RemoveModelRequest asks a node to delete weights from its cache.
type RemoveModelRequest struct {
	Model string `json:"model"`
}

// StepResult is the result of a step that has nothing to say but how much it
// moved.
type StepResult struct {
	Bytes int64  `json:"bytes,omitempty"`
	Note  string `json:"note,omitempty"`
}

// StartRequest asks for the server of a claimed attempt.
type StartRequest struct {
	aim.Identity
	Rung    aim.Rung          `json:"rung"`
	Secrets map[string]string `json:"secrets,omitempty"`
}

// StartResult is where the server will answer.
type StartResult struct {
	URL       string `json:"url"`
	Runtime   string `json:"runtime"`
	Server    string `json:"server"`
	Simulated bool   `json:"simulated,omitempty"`
}

// ReadyRequest asks the node to wait until the server really answers.
type ReadyRequest struct {
	aim.Identity
	Rung aim.Rung `json:"rung"`
}

// ReadyResult is the proven endpoint.
type ReadyResult struct {
	Endpoint aim.Endpoint       `json:"endpoint"`
	Measured map[string]float64 `json:"measured,omitempty"` // bytes and tokens the server's log named
}

// WatchRequest asks the node to watch a ready server.
type WatchRequest struct {
	aim.Identity
}

// StopRequest asks the node to end a server.
type StopRequest struct {
	aim.Identity
	Grace aim.Duration `json:"grace,omitempty"`
	Why   string       `json:"why,omitempty"`
}

// StopResult says how a server ended.
type StopResult struct {
	Quarantined map[string]string `json:"quarantined,omitempty"` // GPU -> why its memory was not seen free
}

// ReleaseRequest ends a claim.
type ReleaseRequest struct {
	aim.Identity
}

// ViewNodeRequest asks control what is on a node. It is answered as soon as that is
// something else than what Known stands for, at the latest after a minute.
type ViewNodeRequest struct {
	Node  string `json:"node"`
	Known string `json:"known,omitempty"` // NodeView.Known of the last answer
}

// NodeView is a node as who empties it has to see it.
type NodeView struct {
	Known    string        `json:"known"`              // stands for the rest
	Liveness aim.Liveness  `json:"liveness,omitempty"` // "" = no such node is known
	BootID   string        `json:"boot_id,omitempty"`
	Cordon   string        `json:"cordon,omitempty"`
	Replicas []NodeReplica `json:"replicas"` // that hold something there, by deployment and ordinal
}

// NodeReplica is one that holds GPUs of a node.
type NodeReplica struct {
	Deployment string    `json:"deployment"`
	Ordinal    int       `json:"ordinal"`
	Token      string    `json:"token"`            // of its claim
	Phase      aim.Phase `json:"phase,omitempty"`  // "" = its deployment does not know it, or does not answer
	Moving     bool      `json:"moving,omitempty"` // a successor is under way
	Reason     string    `json:"reason,omitempty"` // of its deployment's phase
}

// Name is "deployment/ordinal".
func (r NodeReplica) Name() string { return fmt.Sprintf("%s/%d", r.Deployment, r.Ordinal) }

// MoveReplicaRequest asks a deployment to take a replica off a node that is being
// emptied. What it refuses with is the failure.
type MoveReplicaRequest struct {
	Deployment string `json:"deployment"`
	Ordinal    int    `json:"ordinal"`
	Off        string `json:"off"`
	StopFirst  bool   `json:"stop_first,omitempty"` // it stops before another serves, min_available permitting
	Why        string `json:"why"`
}

// SetNodeRequest changes the node's own state. Nil and "" leave a setting.
type SetNodeRequest struct {
	Cordon       *string           `json:"cordon,omitempty"` // why; "" opens the node again
	Labels       map[string]string `json:"labels,omitempty"` // "" removes a label
	Unquarantine []string          `json:"unquarantine,omitempty"`
}

// SetNodeResult is the state after the change.
type SetNodeResult struct {
	State aim.NodeState `json:"state"`
}
