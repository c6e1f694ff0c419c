package cause

import (
	"strings"

	"github.com/aim-engine/aim"
)

// tier is how much a line says about the cause.
type tier int

const (
	specific tier = iota
	general
	sign
	tiers
)

// Cause is a fragment of a server's messages that names a cause.
type Cause struct {
	tier  tier
	class aim.FailureClass
	hint  string   // what to do about it; "" where the class says enough
	words []string // all of them stand in one line
}

// Names makes a cause of a line that names it, wherever the line stands.
func Names(class aim.FailureClass, hint string, words ...string) Cause {
	return Cause{specific, class, hint, words}
}

// Suggests makes a cause of a line that may be the consequence of one that
// names it: a missing repository is reported after the 401 that the hub answers.
func Suggests(class aim.FailureClass, hint string, words ...string) Cause {
	return Cause{general, class, hint, words}
}

// Signals makes a cause of a line that is only what others saw of it.
func Signals(class aim.FailureClass, hint string, words ...string) Cause {
	return Cause{sign, class, hint, words}
}

const (
	keptLines  = 3   // of the log: the cause and what follows it
	keptLength = 500 // bytes of each
)

// HintOurs goes with what no user can mend.
const HintOurs = "this is a fault of AIM Engine; please report it with the log"

// Dialect is how one backend writes its log.
type Dialect struct {
	Parse  func(string) Line
	Causes []Cause
	// Wrappers are words of lines that only report that another process failed.
	Wrappers []string
	// Front begins the name, in small letters, of the process that serves HTTP, whose errors are
	// mostly those of the others; "" where the processes cannot be told apart.
	Front string
	// Up is in the line that the server writes once it serves.
	Up string
}

// Classify finds the earliest root cause in a log; at is its line's number. What
// others saw of a failure counts only where nobody reports it himself. A log that
// names no known cause tells the earliest error in it, with class start: better
// than an exit code. A server that has ended without a word is judged by that
// alone (at is -1). ok is false when neither shows a cause.
func (d Dialect) Classify(lines []Line, exit *aim.Exit) (failure *aim.Failure, at int, ok bool) {
	named, at, found := find(lines, d.Causes)
	if found && named.tier != sign {
		return named.failure(lines, at), at, true
	}
	told := exit == nil || exit.Code != exitOption && exit.Code != exitTerm && exit.Code != exitKilled && !exit.OOM
	if own, first, reported := d.reported(lines); reported && told && (!found || first < at) {
		return own, first, true
	}
	if found {
		return named.failure(lines, at), at, true
	}
	f, ok := ByExit(exit)
	return f, -1, ok
}

// find is the first line of the best tier. For every line the first cause of the
// list that matches counts. ok is false when no line names a cause.
func find(lines []Line, causes []Cause) (found Cause, at int, ok bool) {
	found.tier = tiers
	for i, l := range lines {
		if l.benign() {
			continue
		}
		if c, hit := first(l, causes, found.tier); hit {
			found, at = c, i
		}
		if found.tier == specific {
			break
		}
	}
	return found, at, found.tier < tiers
}

func (c Cause) failure(lines []Line, at int) *aim.Failure {
	return &aim.Failure{Class: c.class, Why: cut(sentence(lines, at)), Hint: c.hint, LogLines: excerpt(lines, at)}
}

// first is the first cause of a better tier that the line matches.
func first(l Line, causes []Cause, better tier) (Cause, bool) {
	for _, c := range causes {
		if c.tier < better && l.has(c.words) {
			return c, true
		}
	}
	return Cause{}, false
}

// excerpt is the cause's line and what the same process wrote next.
func excerpt(lines []Line, at int) []string {
	var kept []string
	for _, l := range lines[at:] {
		if l.Process != lines[at].Process || strings.TrimSpace(l.Text) == "" {
			continue
		}
		if kept = append(kept, cut(l.Text)); len(kept) == keptLines {
			break
		}
	}
	return kept
}

func cut(s string) string {
	if len(s) <= keptLength {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:keptLength], "") + "..."
}
