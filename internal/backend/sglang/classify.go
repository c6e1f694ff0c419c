package sglang

import (
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

// dialect is how SGLang writes its log.
var dialect = cause.Dialect{
	Parse: parseLine, Causes: causes, Up: "The server is fired up and ready to roll",
	Wrappers: []string{"Received sigquit from a child process", "server launch failed", "scheduler is dead"},
}

// causes are SGLang's own messages, before those of the layers below it. Lines
// such as "Scheduler hit an exception", "Received sigquit from a child process"
// and "scheduler is dead" are in nobody's list: they report that another process
// failed. Much of the model code comes from vLLM, with its messages.
var causes = slices.Concat([]cause.Cause{
	cause.Names(aim.ClassKVNone, "", "Not enough memory. Please try to increase --mem-fraction-static"),
	cause.Names(aim.ClassGPUBusy, "see who holds it with: aim gpu list", "memory capacity is unbalanced"),
	cause.Names(aim.ClassLength, "", "User-specified context_length", "is greater than the derived"),
	cause.Names(aim.ClassTPBlock, "", "is not divisible by weight quantization block"),
	cause.Names(aim.ClassTPHeads, "", "must be divisible by tensor parallel size"),
	cause.Names(aim.ClassTPHeads, "", "AssertionError", "is not divisible by"),
	cause.Names(aim.ClassInternal, cause.HintOurs, "invalid device ordinal"),
	cause.Names(aim.ClassQuant, "", "Unknown quantization method"),
	cause.Names(aim.ClassQuant, "", "does not match the quantization method"),
	cause.Names(aim.ClassQuant, "", "Minimum capability"),
	cause.Names(aim.ClassAttention, "", "Invalid attention backend"),
	cause.Names(aim.ClassArch, "", "Model architecture", "not supported for now"),
	cause.Names(aim.ClassParser, "", "argument --tool-call-parser: invalid choice"),
	cause.Names(aim.ClassParser, "", "argument --reasoning-parser: invalid choice"),
	cause.Names(aim.ClassWeights, "", "Cannot find any model weights"),
	cause.Signals(aim.ClassHostOOM, "look at the memory limit of the server and the host's kernel log", "Exit code: -9"),
}, cause.Common())

// Classify finds the earliest root cause in a log. exit is nil while the server
// runs; of a server that has ended without a word the exit code is judged. ok
// is false when neither shows a cause.
func (Backend) Classify(log string, exit *aim.Exit) (failure *aim.Failure, ok bool) {
	failure, _, ok = dialect.Classify(dialect.Split(log), exit)
	return failure, ok
}

// prefix is what stands before a line of SGLang's logger: the time, and the
// ranks of a process that has some. It names no level.
var prefix = aim.Pattern(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d((?: [A-Z]{2}\d+)*)\] ?`)

// parseLine takes a line apart:
//
//	[2026-02-14 09:06:09 DP0 TP7] Load weight begin. avail mem=190.29 GB
func parseLine(raw string) cause.Line {
	l := cause.Line{Text: strings.TrimRight(raw, " \t")}
	if m := prefix().FindStringSubmatch(raw); m != nil {
		l.Process, l.Text = strings.TrimSpace(m[1]), strings.TrimRight(raw[len(m[0]):], " \t")
	}
	// The echo of the settings is no complaint, though it has words of many.
	if strings.HasPrefix(l.Text, "server_args=") {
		l.Level = "INFO"
	}
	return l
}
