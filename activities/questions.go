package activities

import "github.com/aim-engine/aim"

// Questions are asked of a node directly, by control and the command line. Each
// has one payload and one answer; fields are only added.

// Questions that every node answers.
const (
	QuestionLogs     = "logs"     // a LogQuestion; the answer is a server's log
	QuestionDescribe = "describe" // nothing; the answer is an aim.Node
	QuestionModel    = "model"    // a DescribeRequest; the answer is a DescribeResult
)

// QuestionPlan is answered by the control process that leads, and by no other: a
// PlanQuestion; the answer is an aim.Plan.
const QuestionPlan = "plan"

// LogQuestion asks for a server's log; the answer is its bytes.
type LogQuestion struct {
	aim.Identity
	aim.LogOptions
}

// DescribeRequest asks what a model says of itself.
type DescribeRequest struct {
	Model    string            `json:"model"`
	Revision string            `json:"revision,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"` // references; HF_TOKEN opens gated models
}

// DescribeResult is what a node has read.
type DescribeResult struct {
	Model       string `json:"model"`                  // as it was asked for
	Config      []byte `json:"config"`                 // its config.json
	WeightBytes uint64 `json:"weight_bytes,omitempty"` // of the files that a server would load; 0 = not known
	From        string `json:"from,omitempty"`         // who has read it, for people
	// Beside are small files beside config.json, by name: aim.BesideConfig.
	Beside map[string][]byte `json:"beside,omitempty"`
}

// PlanQuestion asks the leading control what deploying a spec would do; the answer
// is an aim.Plan.
type PlanQuestion struct {
	Spec aim.DeploymentSpec `json:"spec"`
}
