package vllm

import (
	"strings"

	"github.com/aim-engine/aim"
)

const (
	keptLines  = 3   // of the log: the cause and what follows it
	keptLength = 500 // bytes of each
)

// Classify finds the earliest root cause in a log, with the numbers that it
// names. exit is nil while the server runs; of a server that has ended without
// a word the exit code is judged. ok is false when neither shows a cause: the
// caller knows whether the server was starting or serving.
func (Backend) Classify(log string, exit *aim.Exit) (failure *aim.Failure, ok bool) {
	parsed := lines(log)
	c, at, found := rootCause(parsed)
	if !found {
		return byExit(exit)
	}
	f := &aim.Failure{Class: c.class, Why: parsed[at].text, Hint: c.hint, LogLines: excerpt(parsed, at)}
	f.Why = cut(strings.TrimSpace(f.Why))
	explain(f, log, parsed[:at])
	return f, true
}

// rootCause finds the first line of the best tier.
func rootCause(parsed []line) (c cause, at int, found bool) {
	best := tiers
	for i, l := range parsed {
		if l.benign() {
			continue
		}
		for _, candidate := range causes {
			if candidate.tier >= best || !l.has(candidate.words) {
				continue
			}
			best, c, at, found = candidate.tier, candidate, i, true
			break
		}
		if best == specific {
			break
		}
	}
	return c, at, found
}

func (l line) has(words []string) bool {
	for _, w := range words {
		if !strings.Contains(l.text, w) {
			return false
		}
	}
	return true
}

// excerpt is the cause's line and what the same process wrote next.
func excerpt(parsed []line, at int) []string {
	var kept []string
	for _, l := range parsed[at:] {
		if l.process != parsed[at].process || strings.TrimSpace(l.text) == "" {
			continue
		}
		if kept = append(kept, cut(l.text)); len(kept) == keptLines {
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

// Exit codes of a server: 2 from its option parser, the others are 128 and the
// number of the signal that ended it. 0 means nothing: after the death of its
// engine the API server ends with 0 too.
const (
	exitOption = 2
	exitKilled = 128 + 9
	exitTerm   = 128 + 15
)

// byExit judges a server that said nothing.
func byExit(exit *aim.Exit) (*aim.Failure, bool) {
	switch {
	case exit == nil:
		return nil, false
	case exit.OOM:
		return aim.Failf(aim.ClassHostOOM, "the kernel killed the server because its memory limit was reached"), true
	case exit.Code == exitKilled:
		return aim.Failf(aim.ClassHostOOM, "the server was killed (exit code %d), most likely because memory ran out", exit.Code).
			WithHint("look at the host's kernel log"), true
	case exit.Code == exitOption:
		return aim.Failf(aim.ClassOption, "the server refused its options (exit code %d)", exit.Code), true
	case exit.Code == exitTerm:
		return aim.Failf(aim.ClassExited, "the server was told to end by somebody else (exit code %d)", exit.Code), true
	}
	return nil, false
}
