package vllm

import (
	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

// Classify finds the earliest root cause in a log, with the numbers that it
// names. exit is nil while the server runs; of a server that has ended without
// a word the exit code is judged. ok is false when neither shows a cause: the
// caller knows whether the server was starting or serving.
func (Backend) Classify(log string, exit *aim.Exit) (failure *aim.Failure, ok bool) {
	lines := cause.Split(log, parseLine)
	f, at, found := cause.Find(lines, causes)
	if !found {
		return cause.ByExit(exit)
	}
	explain(f, log, lines[:at])
	return f, true
}
