package workflows

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aim-engine/aim"
)

// Every text that enters a workflow is bounded where it enters: Temporal refuses
// a message of more than 2 MiB, and a workflow whose next message is refused
// stands still for ever.
const (
	maxText  = 600      // bytes of one sentence: a reason, a why
	maxLine  = 300      // bytes of one log line
	maxLines = 6        // log lines of one failure
	maxTries = 20       // past attempts that a replica tells of
	maxSteps = 16       // steps of the attempt at hand that it tells of
	maxCard  = 16 << 10 // the status card of the Temporal UI
	// maxStatuses is what the statuses of all replicas of a deployment may take
	// together, in bytes of JSON; each has an equal part of it.
	maxStatuses = 1 << 20
	// maxStatus is the most that one replica's status may take, in a deployment of
	// few.
	maxStatus = 32 << 10
)

// clip shortens a text to at most n bytes and says that it did.
func clip(s string, n int) string {
	const more = " ..."
	if len(s) <= n {
		return s
	}
	s = s[:n-len(more)]
	for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if n := len(s); n > 0 && s[n-1] >= utf8.RuneSelf {
		s = s[:n-1] // the first byte of a rune that was cut
	}
	return strings.ToValidUTF8(s, "") + more
}

// bounded is the failure with its texts clipped; nil stays nil.
func bounded(f *aim.Failure) *aim.Failure {
	if f == nil {
		return nil
	}
	g := *f
	g.Why, g.Hint, g.LogLines = clip(g.Why, maxText), clip(g.Hint, maxText), clipLines(f.LogLines, maxLines)
	return &g
}

func clipLines(lines []string, most int) []string {
	var out []string
	for _, l := range lines[:min(len(lines), most)] {
		out = append(out, clip(l, maxLine))
	}
	return out
}

// share is how many bytes one of n replicas' statuses may take.
func share(n int) int { return min(maxStatuses/max(n, 1), maxStatus) }

// fit makes a status take at most so many bytes of JSON, by leaving out what is
// missed least: first the steps, then older tries and their log lines, then what
// only explains a placement.
func fit(s aim.ReplicaStatus, bytes int) aim.ReplicaStatus {
	s.Reason = clip(s.Reason, maxText)
	s.Tries = slices.Clone(s.Tries[max(len(s.Tries)-maxTries, 0):])
	for i, t := range s.Tries {
		s.Tries[i].Why, s.Tries[i].Lines = clip(t.Why, maxText), clipLines(t.Lines, maxLines)
	}
	size := func() int { data, _ := json.Marshal(s); return len(data) }
	for i := 0; size() > bytes; i++ {
		switch {
		case len(s.Steps) > 0:
			s.Steps = nil
		case len(s.Tries) > 1:
			s.Tries = s.Tries[len(s.Tries)/2:]
		case len(s.Tries) == 1 && (len(s.Tries[0].Lines) > 0 || len(s.Tries[0].Why) > 120):
			t := s.Tries[0]
			t.Lines, t.Why = nil, clip(t.Why, 120)
			s.Tries = []aim.Try{t}
		case s.Memory != nil || s.Placed != "" || s.Loses != "":
			s.Memory, s.Placed, s.Loses = nil, "", ""
		case len(s.Reason) > 120:
			s.Reason = clip(s.Reason, 120)
		default:
			return s // identity, phase and place, which are short
		}
	}
	return s
}
