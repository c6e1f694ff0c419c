package workflows

import (
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// MemoSummary is the memo key under which a Deployment keeps its Summary.
const MemoSummary = "summary"

// maxSummaryReason keeps a summary to a few hundred bytes: each is an event.
const maxSummaryReason = 200

// Summary is what a list of deployments tells of one beside its search attributes,
// so that nobody has to be asked. It is as of when the phase began, or the wish or
// the number of replicas last changed.
type Summary struct {
	UID      string    `json:"uid"`
	Model    string    `json:"model"`
	Phase    aim.Phase `json:"phase"`
	Since    time.Time `json:"since,omitzero"`
	Reason   string    `json:"reason,omitempty"` // when the phase began; it may be another one by now
	Wanted   int       `json:"wanted"`
	Revision int       `json:"revision"`
}

func summaryOf(s aim.Status) Summary {
	return Summary{UID: s.UID, Model: s.Model, Phase: s.Phase, Since: s.Since, Reason: clip(s.Reason, maxSummaryReason),
		Wanted: s.Wanted, Revision: s.Revision}
}

// shownSummary is what decides whether a summary is written again.
type shownSummary struct {
	phase            aim.Phase
	wanted, revision int
}

func (s Summary) shown() shownSummary { return shownSummary{s.Phase, s.Wanted, s.Revision} }

// ReplicaOf is the inverse of ReplicaID.
func ReplicaOf(workflowID string) (deployment string, ordinal int, ok bool) {
	deployment, text, found := strings.Cut(workflowID, "/r")
	ordinal, err := strconv.Atoi(text)
	return deployment, ordinal, found && err == nil && ReplicaID(deployment, ordinal) == workflowID
}
