package vllm

import (
	"regexp"
	"strings"
)

// line is one line of a log, without what varies.
type line struct {
	process string // "EngineCore_DP0", "Worker_TP3", ...; "" for the API server
	level   string // INFO, WARNING, ERROR, ...; "" for a line not written by the logger
	text    string
}

var (
	ansi        = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	timestamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) `)
	processMark = regexp.MustCompile(`^\(([A-Za-z][\w ]*?)(?: (?:rank=\d+ )?pid=\d+)?\) ?`)
	levelMark   = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR|CRITICAL):? +(?:\d\d-\d\d \d\d:\d\d:\d\d )?(?:\[[\w./-]+:\d+\] ?)?`)
)

// parseLine takes a line apart:
//
//	(EngineCore_DP0 pid=265) ERROR 02-27 10:31:15 [core.py:936] ValueError: ...
func parseLine(raw string) line {
	raw = timestamp.ReplaceAllString(ansi.ReplaceAllString(raw, ""), "")
	var l line
	if m := processMark.FindStringSubmatch(raw); m != nil {
		l.process, raw = m[1], raw[len(m[0]):]
	}
	if m := levelMark.FindStringSubmatch(raw); m != nil {
		l.level, raw = m[1], raw[len(m[0]):]
	}
	l.text = strings.TrimRight(raw, " \t\r")
	return l
}

// lines splits a log. A progress bar rewrites its line with carriage returns;
// each state counts as a line.
func lines(log string) []line {
	fields := strings.FieldsFunc(log, func(r rune) bool { return r == '\n' || r == '\r' })
	parsed := make([]line, len(fields))
	for i, f := range fields {
		parsed[i] = parseLine(f)
	}
	return parsed
}

// benign tells whether the logger itself says that the line is no error.
func (l line) benign() bool { return l.level == "INFO" || l.level == "WARNING" || l.level == "DEBUG" }
