package sglang

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/aim-engine/aim"
)

var (
	shards   = aim.Pattern(`Loading (?:safetensors|pt) checkpoint shards: +(\d+)% Completed \| (\d+)/(\d+)`)
	loadTook = aim.Pattern(`Load weight end\..*mem usage=([\d.]+) GB`)
	kvCache  = aim.Pattern(`KV Cache is allocated\..*#tokens: (\d+), K size: ([\d.]+) GB, V size: ([\d.]+) GB`)
	graphs   = aim.Pattern(`Capturing batches[^:]*: +(\d+)%`)
)

// Milestone reads progress from one log line: a few words for people, "" for
// most lines.
func (Backend) Milestone(raw string) string {
	// A progress bar rewrites its line; the last state counts.
	raw = strings.TrimRight(raw, "\r\n")
	l := parseLine(raw[strings.LastIndex(raw, "\r")+1:])
	for _, m := range []struct {
		pattern func() *regexp.Regexp
		format  string // $1 and so on are the pattern's groups
	}{
		{shards, "loading weights, $1 % ($2 of $3 files)"},
		{loadTook, "weights loaded, $1 GiB"},
		{kvCache, "KV cache of $1 tokens"},
		{graphs, "capturing graphs, $1 %"},
	} {
		if at := m.pattern().FindStringSubmatchIndex(l.Text); at != nil {
			return string(m.pattern().ExpandString(nil, m.format, l.Text, at))
		}
	}
	switch {
	case strings.Contains(l.Text, "Load weight begin"):
		return "loading weights"
	case strings.Contains(l.Text, "Capture cuda graph begin"):
		return "capturing graphs"
	case strings.Contains(l.Text, "The server is fired up and ready to roll!"):
		return "up"
	}
	return ""
}

// gibibyte is what SGLang's log calls a GB.
const gibibyte = 1 << 30

// Measured reads what a log says about memory, keyed like the terms of a memory
// estimate: bytes of weights and of the KV cache of one GPU, and the tokens that
// fit there. Of several ranks the one with the most weights and the one with the
// least room count. A figure that the log does not name is not in the answer.
func (Backend) Measured(log string) map[string]float64 {
	measured := map[string]float64{}
	for _, m := range loadTook().FindAllStringSubmatch(log, -1) {
		measured["weights"] = max(measured["weights"], number(m[1])*gibibyte)
	}
	for _, m := range kvCache().FindAllStringSubmatch(log, -1) {
		tokens, room := number(m[1]), (number(m[2])+number(m[3]))*gibibyte
		if old, seen := measured["kv_tokens"]; !seen || tokens < old {
			measured["kv_tokens"], measured["free_for_kv"] = tokens, room
		}
	}
	if measured["weights"] == 0 {
		delete(measured, "weights")
	}
	return measured
}

// number reads a number that a pattern has found; one with two dots is 0.
func number(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f > 1e12 {
		return 0 // larger than any of these can be
	}
	return f
}
