package tgi

import (
	"slices"
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

// dialect is how TGI writes its log.
var dialect = cause.Dialect{
	Parse: parseLine, Causes: causes, Up: "Connected",
	Wrappers: []string{"ShardCannotStart", "WebserverFailed", "Unable to warmup the Python model shards"},
}

// causes are TGI's own messages, before those of the layers below it. Lines such
// as "Shard 0 failed to start", "ShardCannotStart" and "Unable to warmup the
// Python model shards" are in nobody's list: they report that a shard failed.
var causes = slices.Concat([]cause.Cause{
	cause.Names(aim.ClassKVShort, "", "Not enough memory to handle `max_total_tokens="),
	cause.Names(aim.ClassKVNone, "", "Not enough memory to handle"),
	cause.Names(aim.ClassOption, "", "error: unexpected argument"),
	cause.Names(aim.ClassOption, "", "error: invalid value"),
	cause.Names(aim.ClassOption, "", "cannot be used multiple times"),
	cause.Names(aim.ClassOption, "", "ArgumentValidation"),
	cause.Names(aim.ClassOption, "", "Argument validation error"),
	cause.Names(aim.ClassTPHeads, "", "`num_heads` must be divisible by `num_shards`"),
	cause.Names(aim.ClassInternal, cause.HintOurs, "NotEnoughCUDADevices"),
	cause.Names(aim.ClassArch, "", "Unsupported model type"),
	cause.Names(aim.ClassAttention, "", "requires Flash Attention"),
	cause.Signals(aim.ClassHostOOM, "look at the memory limit of the server and the host's kernel log", "signaled to shutdown with signal 9"),
}, cause.Common())

// Classify finds the earliest root cause in a log. exit is nil while the server
// runs; of a server that has ended without a word the exit code is judged. ok
// is false when neither shows a cause.
func (Backend) Classify(log string, exit *aim.Exit) (failure *aim.Failure, ok bool) {
	failure, _, ok = dialect.Classify(dialect.Split(log), exit)
	return failure, ok
}

var (
	ansi   = aim.Pattern("\x1b\\[[0-9;]*[A-Za-z]")
	prefix = aim.Pattern(`^\d{4}-\d\d-\d\dT[0-9:.]+Z +(TRACE|DEBUG|INFO|WARN|ERROR) +(?:([a-z][\w-]*): )?text_generation\w*(?:::\w+)*: (?:[\w/]+\.rs:\d+: )?`)
	rank   = aim.Pattern(` rank=(\d+)$`)
)

// parseLine takes a line apart:
//
//	2026-03-13T08:37:54.657147Z  INFO shard-manager: text_generation_launcher: Waiting for shard to be ready... rank=1
func parseLine(raw string) cause.Line {
	raw = strings.TrimRight(ansi().ReplaceAllString(raw, ""), " \t")
	l := cause.Line{Text: raw}
	if m := prefix().FindStringSubmatch(raw); m != nil {
		l.Level, l.Process, l.Text = m[1], m[2], raw[len(m[0]):]
	}
	if m := rank().FindStringSubmatchIndex(l.Text); m != nil {
		l.Text = l.Text[:m[0]]
	}
	return l
}
