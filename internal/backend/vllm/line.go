package vllm

import (
	"strings"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

var (
	ansi        = aim.Pattern("\x1b\\[[0-9;]*[A-Za-z]")
	timestamp   = aim.Pattern(`^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) `)
	processMark = aim.Pattern(`^\(([A-Za-z][\w ]*?)(?: (?:rank=\d+ )?pid=\d+)?\) ?`)
	levelMark   = aim.Pattern(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL):? +(?:\d\d-\d\d \d\d:\d\d:\d\d )?(?:\[?[\w./-]+:\d+\] ?)?`)
)

// parseLine takes a line apart:
//
//	(EngineCore_DP0 pid=265) ERROR 02-27 10:31:15 [core.py:936] ValueError: ...
func parseLine(raw string) cause.Line {
	raw = timestamp().ReplaceAllString(ansi().ReplaceAllString(raw, ""), "")
	var l cause.Line
	if m := processMark().FindStringSubmatch(raw); m != nil {
		l.Process, raw = m[1], raw[len(m[0]):]
	}
	if m := levelMark().FindStringSubmatch(raw); m != nil {
		l.Level, raw = m[1], raw[len(m[0]):]
	}
	l.Text = strings.TrimRight(raw, " \t\r")
	return l
}
