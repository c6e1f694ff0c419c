package activities

// Activity types, as they stand in histories and in the Temporal UI.
const (
	SelectRecipes = "SelectRecipes"
	ReadVersion   = "ReadVersion"
	Place         = "Place"
	AwaitTurn     = "AwaitTurn"
	Lead          = "Lead"
	ViewNode      = "ViewNode"
	MoveReplica   = "MoveReplica"

	Claim       = "Claim"
	PullImage   = "PullImage"
	FetchModel  = "FetchModel"
	RemoveModel = "RemoveModel"
	Start       = "Start"
	AwaitReady  = "AwaitReady"
	Watch       = "Watch"
	Stop        = "Stop"
	Release     = "Release"
	SetNode     = "SetNode"
)

// StepWait is the step that the heartbeats of AwaitTurn name.
const StepWait = "wait"

// StepProve is the step that the heartbeats of AwaitReady name.
const StepProve = "prove"

// Task queues.
const (
	// ControlQueue carries workflows and the short activities of control.
	ControlQueue = "aim"
	// PlaceQueue carries Place and AwaitTurn; the leading control process alone
	// polls it, so that there is one waiting order and one set of promises.
	PlaceQueue = "aim/place"
)

// NodeQueue carries the activities of one node.
func NodeQueue(node string) string { return "node/" + node }
