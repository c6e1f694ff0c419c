package workflows

import "github.com/aim-engine/aim"

// Applied is the answer to every change of a deployment.
type Applied struct {
	Name     string `json:"name"`
	UID      string `json:"uid"`
	Revision int    `json:"revision"`
	Changed  bool   `json:"changed"` // false when it was wanted already
}

// ScaleRequest asks for another number of replicas, 1 or more.
type ScaleRequest struct {
	Replicas int `json:"replicas"`
}

// RestartRequest asks for new servers under the same spec, one at a time.
type RestartRequest struct {
	Why string `json:"why,omitempty"`
}

// MoveRequest asks one replica to leave its node. Its relief is ready before it
// stops; an evicted one stops first.
type MoveRequest struct {
	Ordinal int    `json:"ordinal"`
	Off     string `json:"off,omitempty"`   // the node that it is thought to be on; "" = wherever it is
	Evict   bool   `json:"evict,omitempty"` // make room for others at once, min_available permitting
	Why     string `json:"why,omitempty"`
}

// StopRequest asks for the end of a deployment.
type StopRequest struct {
	Why string `json:"why,omitempty"`
}

// ReplicaInput starts a Replica.
type ReplicaInput struct {
	Name     string             `json:"name"`
	UID      string             `json:"uid"`
	Ordinal  int                `json:"ordinal"`
	Revision int                `json:"revision"`
	Spec     aim.DeploymentSpec `json:"spec"`
	Ladder   aim.Ladder         `json:"ladder"`
	Attempts int                `json:"attempts,omitempty"` // made by earlier workflows of this ordinal; numbers go on
	AskedAt  int64              `json:"asked_at,omitempty"` // unix ms; place in the waiting order
	// Relief makes it the relief of a replica that moves: node id -> why not
	// there. It does not wait for room, and makes one attempt.
	Relief map[string]string `json:"relief,omitempty"`
}

// report is what a Replica tells its Deployment.
type report struct {
	UID    string            `json:"uid"`
	Run    string            `json:"run"` // first run id of the Replica: reports of an older one are dropped
	Seq    int               `json:"seq"`
	Status aim.ReplicaStatus `json:"status"`
}

// command is what a Deployment tells a Replica.
type command struct {
	UID    string         `json:"uid"`
	Verb   verb           `json:"verb"`
	Why    string         `json:"why,omitempty"`
	Update *replicaUpdate `json:"update,omitempty"` // with verbRestart: what to run from now on
}

type verb string

const (
	verbStop    verb = "stop"
	verbRestart verb = "restart"
	verbAttach  verb = "attach" // report now: the Deployment has continued as new
	verbEvict   verb = "evict"  // end, unless you are mine: then report now
)

type replicaUpdate struct {
	Revision int                `json:"revision"`
	Spec     aim.DeploymentSpec `json:"spec"`
	Ladder   aim.Ladder         `json:"ladder"`
	Why      string             `json:"why,omitempty"`
	Avoid    map[string]string  `json:"avoid,omitempty"` // node id -> why rather not there
}
