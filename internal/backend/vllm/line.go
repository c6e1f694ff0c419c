package vllm

import (
	"regexp"
	"strings"

	"github.com/aim-engine/aim/internal/backend/cause"
)

var (
	ansi        = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	timestamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) `)
	processMark = regexp.MustCompile(`^\(([A-Za-z][\w ]*?)(?: (?:rank=\d+ )?pid=\d+)?\) ?`)
	levelMark   = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL):? +(?:\d\d-\d\d \d\d:\d\d:\d\d )?(?:\[?[\w./-]+:\d+\] ?)?`)
)

// parseLine takes a line apart:
//
//	(EngineCore_DP0 pid=265) ERROR 02-27 10:31:15 [core.py:936] ValueError: ...
func parseLine(raw string) cause.Line {
	raw = timestamp.ReplaceAllString(ansi.ReplaceAllString(raw, ""), "")
	var l cause.Line
	if m := processMark.FindStringSubmatch(raw); m != nil {
		l.Process, raw = m[1], raw[len(m[0]):]
	}
	if m := levelMark.FindStringSubmatch(raw); m != nil {
		l.Level, raw = m[1], raw[len(m[0]):]
	}
	l.Text = strings.TrimRight(raw, " \t\r")
	return l
}
