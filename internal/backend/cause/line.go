package cause

import (
	"strings"

	"github.com/aim-engine/aim"
)

// rankMark is what PyTorch writes before the lines of a rank and of its own logger:
//
//	[rank1]:[E102 03:14:05.104 ProcessGroupNCCL.cpp:690] [Rank 1] Watchdog caught ...
var rankMark = aim.Pattern(`^\[rank\d+\]: ?(?:\[[EF]\w* [\d:.]+ [\w.]+:\d+\] ?)?(?:\[Rank \d+\] ?)?`)

// Line is one line of a log, without what varies.
type Line struct {
	Process string // "EngineCore_DP0", "TP3", "shard-manager", ...; "" for the server's main process
	Level   string // INFO, WARNING, ERROR, ...; "" for a line not written by the logger
	Text    string
}

// Split parses a log line by line. A progress bar rewrites its line with
// carriage returns; each state counts as a line.
func (d Dialect) Split(log string) []Line {
	fields := strings.FieldsFunc(log, func(r rune) bool { return r == '\n' || r == '\r' })
	parsed := make([]Line, len(fields))
	for i, f := range fields {
		parsed[i] = d.Parse(rankMark().ReplaceAllString(f, ""))
	}
	return parsed
}

// benign tells whether the logger itself says that the line is no error.
func (l Line) benign() bool {
	return l.Level == "INFO" || l.Level == "WARNING" || l.Level == "WARN" || l.Level == "DEBUG"
}

func (l Line) has(words []string) bool {
	for _, w := range words {
		if !strings.Contains(l.Text, w) {
			return false
		}
	}
	return true
}
