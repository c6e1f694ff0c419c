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

// RestartRequest asks for new servers under the same spec.
type RestartRequest struct {
	Why string `json:"why,omitempty"`
}

// MoveRequest asks one replica to leave its node. Its successor is ready before it
// stops; an evicted one stops first.
type MoveRequest struct {
	Ordinal int    `json:"ordinal"`
	Off     string `json:"off,omitempty"`   // the node that it is thought to be on; "" = wherever it is
	To      string `json:"to,omitempty"`    // the node that its successor is to be on; "" = wherever there is room
	Evict   bool   `json:"evict,omitempty"` // make room for others at once, min_available permitting
	Drain   bool   `json:"drain,omitempty"` // one that is not ready too: it serves nobody, and looks for another place at once
	Why     string `json:"why,omitempty"`
}

// RollbackRequest asks for the spec that was in service before the last change.
type RollbackRequest struct {
	Why string `json:"why,omitempty"`
}

// StopRequest asks for the end of a deployment.
type StopRequest struct {
	Why string `json:"why,omitempty"`
}

// wish is what a replica is to run: the spec, and the ladder that was chosen for
// it, under the number of its version. A ladder without rungs is asked for
// (activities.ReadVersion): a deployment of many replicas does not write it into
// its history once for each of them.
type wish struct {
	Revision int                `json:"revision"`
	Spec     aim.DeploymentSpec `json:"spec"`
	Ladder   aim.Ladder         `json:"ladder"`
}

// cause is why a replica is to succeed another.
type cause string

const (
	causeMove   cause = "move"   // it is to leave its node; without room it stays
	causeChange cause = "change" // it is to run another version; without room it stops first
	causeLoss   cause = "loss"   // its node is lost; its successor waits for room
)

// ReplicaInput starts a Replica.
type ReplicaInput struct {
	Name    string `json:"name"`
	UID     string `json:"uid"`
	Ordinal int    `json:"ordinal"`
	wish
	Attempts int               `json:"attempts,omitempty"` // made by earlier workflows of this ordinal; numbers go on
	AskedAt  int64             `json:"asked_at,omitempty"` // unix ms; place in the waiting order
	Succeeds cause             `json:"succeeds,omitempty"` // why it is to succeed another replica
	Avoid    map[string]string `json:"avoid,omitempty"`    // node id -> why not there, for its first placement
	To       string            `json:"to,omitempty"`       // the node where it is to prove itself; "" = any
}

// report is what a Replica tells its Deployment.
type report struct {
	UID    string            `json:"uid"`
	Run    string            `json:"run"` // first run id of the Replica: reports of an older one are dropped
	Seq    int               `json:"seq"`
	Heard  int               `json:"heard,omitempty"` // number of the last command that it has taken
	Lost   string            `json:"lost,omitempty"`  // why its node is taken for lost; "" = it is not
	Held   bool              `json:"held,omitempty"`  // it is not heard either, and that is not acted upon
	Back   *returned         `json:"back,omitempty"`
	Status aim.ReplicaStatus `json:"status"`
}

// returned tells that a replica has gone back from a version that it could not
// run.
type returned struct {
	Version int          `json:"version"`
	Failure *aim.Failure `json:"failure"`
}

// command is what a Deployment tells a Replica. Commands are numbered, and the
// last one is sent again after a continue-as-new unless a report has said that it
// was heard: a signal of a run that has closed may never have left.
type command struct {
	UID    string         `json:"uid"`
	N      int            `json:"n,omitempty"` // 0 = not numbered: attach and evict may be said at any time
	Verb   verb           `json:"verb"`
	Why    string         `json:"why,omitempty"`
	Update *replicaUpdate `json:"update,omitempty"` // with verbRestart: what to run from now on
}

type verb string

const (
	verbStop    verb = "stop"
	verbRestart verb = "restart"
	verbAttach  verb = "attach" // report now
	verbEvict   verb = "evict"  // end, unless you are mine: then report now
)

type replicaUpdate struct {
	wish
	Why   string            `json:"why,omitempty"`
	Avoid map[string]string `json:"avoid,omitempty"` // node id -> why rather not there
	// Trial: the version is not known to work. Image and weights are brought before
	// the server stops, and where it does not become ready, the replica goes back to
	// what it ran.
	Trial bool `json:"trial,omitempty"`
}

// NodeVerdict is what the leading control process tells a Replica of the node
// that its server is on.
type NodeVerdict struct {
	Node  string    `json:"node"`
	Token string    `json:"token"` // of the attempt that is meant; "" = whichever is on the node
	Says  NodeState `json:"says"`
	Why   string    `json:"why,omitempty"`
}

// NodeState is a verdict in one word.
type NodeState string

const (
	// NodeLost: neither the agent nor the server answers. The replica is replaced.
	NodeLost NodeState = "lost"
	// NodeHeld: as lost, but so many nodes are that the network is the likelier
	// cause. Nothing is replaced.
	NodeHeld NodeState = "held"
	// NodeBack: the agent answers and the server is well.
	NodeBack NodeState = "back"
)
