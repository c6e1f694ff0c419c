package workflows

import (
	"fmt"
	"hash/fnv"
	"slices"

	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// Workflow types.
const (
	TypeDeployment = "Deployment"
	TypeReplica    = "Replica"
	TypeScheduler  = "Scheduler"
	TypeFetch      = "Fetch"
	TypeDrain      = "Drain"
)

// Queue carries all workflows.
const Queue = activities.ControlQueue

// Messages of a Deployment. Apply takes a DeploymentSpec and answers Applied;
// Scale, Restart, Move, Rollback and Stop take the request of the same name and answer Applied.
const (
	UpdateApply    = "Apply"
	UpdateScale    = "Scale"
	UpdateRestart  = "Restart"
	UpdateMove     = "Move"
	UpdateRollback = "Rollback"
	UpdateStop     = "Stop"
	QueryStatus    = "status"
	QueryVersion   = "version" // takes a number, answers activities.VersionResult
	signalReport   = "report"
)

// Messages of a Replica.
const (
	signalCommand = "command" // how its Deployment steers it
	// SignalNode carries a NodeVerdict.
	SignalNode = "node"
)

// QueryDrain asks a Drain for its DrainStatus.
const QueryDrain = "drain"

// DrainID is the workflow id of a node's drain.
func DrainID(node string) string { return "drain/" + node }

// SchedulerID is the id of the singleton workflow that elects the leader.
const SchedulerID = "scheduler"

// DeploymentID is the workflow id of a deployment: its name.
func DeploymentID(name string) string { return name }

// ReplicaID is the workflow id of a replica.
func ReplicaID(name string, ordinal int) string { return fmt.Sprintf("%s/r%d", name, ordinal) }

// FetchID is the workflow id of a fetch. The same model for the same nodes is the
// same fetch, so that asking twice follows the one that goes on.
func FetchID(in FetchInput) string {
	h := fnv.New32a()
	for _, part := range append([]string{in.Model, in.Revision}, slices.Sorted(slices.Values(in.Nodes))...) {
		_, _ = h.Write([]byte(part + "\x00")) // never fails
	}
	return fmt.Sprintf("fetch/%s-%08x", aim.NameOf(in.Model), h.Sum32())
}

// MemoOwner is the memo key under which a Replica keeps its aim.Owner.
const MemoOwner = "owner"

// Search attributes, all typed; control refuses to start without them.
var (
	AttrModel      = temporal.NewSearchAttributeKeyKeyword("AimModel")
	AttrDeployment = temporal.NewSearchAttributeKeyKeyword("AimDeployment")
	AttrPhase      = temporal.NewSearchAttributeKeyKeyword("AimPhase")
	AttrNode       = temporal.NewSearchAttributeKeyKeyword("AimNode")
	AttrRecipe     = temporal.NewSearchAttributeKeyKeyword("AimRecipe")
	AttrGPUs       = temporal.NewSearchAttributeKeyKeywordList("AimGPUs")
)

// SearchAttributes lists the names and types to register with the namespace.
func SearchAttributes() map[string]string {
	return map[string]string{
		"AimModel": "Keyword", "AimDeployment": "Keyword", "AimPhase": "Keyword",
		"AimNode": "Keyword", "AimRecipe": "Keyword", "AimGPUs": "KeywordList",
	}
}
