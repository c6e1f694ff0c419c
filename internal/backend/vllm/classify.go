package vllm

import "github.com/aim-engine/aim"

// Classify finds the earliest root cause in a log, with the numbers that it
// names. exit is nil while the server runs; of a server that has ended without
// a word the exit code is judged. ok is false when neither shows a cause: the
// caller knows whether the server was starting or serving.
func (Backend) Classify(log string, exit *aim.Exit) (failure *aim.Failure, ok bool) {
	lines := dialect.Split(log)
	f, at, ok := dialect.Classify(lines, exit)
	if ok && at >= 0 {
		explain(f, log, lines[:at])
	}
	return f, ok
}
