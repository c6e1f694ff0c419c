package vllm

import (
	"regexp"
	"strconv"
	"strings"
)

// figure is a number that a log names: where it stands, and which rank's
// counts when each rank writes its own.
type figure struct {
	term    string
	pattern func() *regexp.Regexp
	group   int
	unit    float64
	least   bool // the rank with the least limits the replica, else the one with the most
}

const gibibyte = 1 << 30

// figures are keyed like the terms of a memory estimate where there is one
// (package recipes), so that both can be laid side by side.
var figures = []figure{
	{"weights", loadTook, 1, gibibyte, false},
	{"load_seconds", loadTook, 2, 1, false},
	{"free_for_kv", kvMemory, 1, gibibyte, true},
	{"kv_tokens", kvSize, 1, 1, true},
	{"length", concur, 1, 1, true},      // tokens of one request, as the server settled them
	{"concurrency", concur, 2, 1, true}, // requests of that length at once
	{"graphs", graphTook, 2, gibibyte, false},
}

// Measured reads what a log says about memory: bytes, but for load_seconds,
// the tokens of kv_tokens and length, and the requests of concurrency. A
// figure that the log does not name is not in the answer.
func (Backend) Measured(log string) map[string]float64 {
	measured := map[string]float64{}
	for _, f := range figures {
		for _, groups := range f.pattern().FindAllStringSubmatch(log, -1) {
			value, ok := number(groups[f.group])
			if !ok {
				continue
			}
			value *= f.unit
			if old, seen := measured[f.term]; !seen || (value < old) == f.least {
				measured[f.term] = value
			}
		}
	}
	return measured
}

// number reads a number with or without commas. What is larger than any of
// these can be is none.
func number(text string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	return f, err == nil && f < 1e12
}
