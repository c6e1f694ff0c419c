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
	class aim.Class
	hint  string   // what to do about it; "" where the class says enough
	words []string // all of them stand in one line
}

// Names makes a cause of a line that names it, wherever the line stands.
func Names(class aim.Class, hint string, words ...string) Cause {
	return Cause{specific, class, hint, words}
}

// Suggests makes a cause of a line that may be the consequence of one that
// names it: a missing repository is reported after the 401 that the hub answers.
func Suggests(class aim.Class, hint string, words ...string) Cause {
	return Cause{general, class, hint, words}
}

// Signals makes a cause of a line that is only what others saw of it.
func Signals(class aim.Class, hint string, words ...string) Cause {
	return Cause{sign, class, hint, words}
}

const (
	keptLines  = 3   // of the log: the cause and what follows it
	keptLength = 500 // bytes of each
)

// HintOurs goes with what no user can mend.
const HintOurs = "this is a fault of AIM Engine; please report it with the log"

// Classify finds the earliest root cause in a log, whose lines parse takes apart,
// and judges a server that has ended without a word by its exit code. ok is
// false when neither shows a cause.
func Classify(log string, exit *aim.Exit, parse func(string) Line, causes []Cause) (failure *aim.Failure, ok bool) {
	if f, _, found := Find(Split(log, parse), causes); found {
		return f, true
	}
	return ByExit(exit)
}

// Find is the failure that the log names: the first line of the best tier. For
// every line the first cause of the list that matches counts. at is the line's
// number; ok is false when no line names a cause.
func Find(lines []Line, causes []Cause) (failure *aim.Failure, at int, ok bool) {
	best := tiers
	var found Cause
	for i, l := range lines {
		if l.benign() {
			continue
		}
		if c, hit := first(l, causes, best); hit {
			best, found, at = c.tier, c, i
		}
		if best == specific {
			break
		}
	}
	if best == tiers {
		return nil, 0, false
	}
	return &aim.Failure{
		Class: found.class, Why: cut(strings.TrimSpace(lines[at].Text)), Hint: found.hint, LogLines: excerpt(lines, at),
	}, at, true
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
