package aim

import "strings"

// Cure is one way to make a request fit that has to wait: all its steps together are
// enough, its place in the queue included.
type Cure struct {
	Steps []CureStep `json:"steps"`
}

// CureStep is one thing to do. Where a command does it, Command is that command, and
// Text says what it is good for; where none can, Text says what is to be done.
type CureStep struct {
	Do         CureKind          `json:"do"`
	Node       string            `json:"node,omitempty"`
	Deployment string            `json:"deployment,omitempty"`
	GPUs       []string          `json:"gpus,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Bytes      uint64            `json:"bytes,omitempty"` // that have to become free
	Command    string            `json:"command,omitempty"`
	Text       string            `json:"text"`
}

// CureKind is what a step does.
type CureKind string

const (
	CureStop     CureKind = "stop"        // Deployment ends, and so do its claims and its waiting
	CureMove     CureKind = "move"        // a replica of Deployment leaves Node
	CureRung     CureKind = "rung"        // the deployment itself takes a rung further down
	CureAwait    CureKind = "await"       // nothing is done: a replica of Deployment is stopping on Node
	CureUncordon CureKind = "uncordon"    // Node
	CureLabel    CureKind = "label"       // Node, with Labels
	CureClear    CureKind = "clear"       // GPUs of Node: out of quarantine, or their errors accepted
	CureEnd      CureKind = "end"         // what uses GPUs of Node and no claim explains
	CureMend     CureKind = "mend"        // GPUs of Node
	CureRevive   CureKind = "revive"      // Node, which does not report
	CureRuntime  CureKind = "runtime"     // of Node
	CureDisk     CureKind = "disk"        // Bytes on Node
	CureMemory   CureKind = "host_memory" // Bytes on Node
	CureRetry    CureKind = "retry"       // Node, where an attempt has failed
	CureJoin     CureKind = "join"        // a machine
)

// String is the cure in one line: what a shell takes as it is, what it is good for in
// brackets, and then what no command does.
//
//	aim stop r1a && aim stop w1 (r1a/0 holds 8 GPUs of n1; w1 comes first in the queue)
//	aim stop a (a/0 holds 1 GPU of n1), and end process 41 (python3) on n1 (it uses g0)
func (c Cure) String() string {
	var commands, reasons, words []string
	for _, s := range c.Steps {
		switch {
		case s.Command == "":
			words = append(words, s.Text)
		case s.Text != "":
			reasons = append(reasons, s.Text)
		}
		if s.Command != "" {
			commands = append(commands, s.Command)
		}
	}
	line := strings.Join(commands, " && ")
	if len(reasons) > 0 {
		line += " (" + strings.Join(reasons, "; ") + ")"
	}
	if len(words) > 0 && line != "" {
		line += ", and "
	}
	return line + strings.Join(words, " and ")
}

// Cured puts cures into a decision, as steps and in words.
func (d Decision) Cured(cures []Cure) Decision {
	d.Remedies, d.Cures = cures, nil
	for _, c := range cures {
		d.Cures = append(d.Cures, c.String())
	}
	return d
}
