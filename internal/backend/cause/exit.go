package cause

import "github.com/aim-engine/aim"

// Exit codes of a server: 2 from its option parser, the others are 128 and the
// number of the signal that ended it. 0 means nothing: after the death of its
// engine vLLM's API server ends with 0 too.
const (
	exitOption = 2
	exitKilled = 128 + 9
	exitTerm   = 128 + 15
)

// ByExit judges a server that said nothing. exit is nil while it runs; ok is
// false when the code tells nothing either.
func ByExit(exit *aim.Exit) (failure *aim.Failure, ok bool) {
	switch {
	case exit == nil:
		return nil, false
	case exit.OOM:
		return aim.Failf(aim.ClassHostOOM, "the kernel killed the server because its memory limit was reached"), true
	case exit.Code == exitKilled:
		f := aim.Failf(aim.ClassHostOOM, "the server was killed (exit code %d), most likely because memory ran out", exit.Code).
			WithHint("look at the host's kernel log")
		f.Guess = true
		return f, true
	case exit.Code == exitOption:
		return aim.Failf(aim.ClassOption, "the server refused its options (exit code %d)", exit.Code), true
	case exit.Code == exitTerm:
		return aim.Failf(aim.ClassExited, "the server was told to end by somebody else (exit code %d)", exit.Code), true
	}
	return nil, false
}
