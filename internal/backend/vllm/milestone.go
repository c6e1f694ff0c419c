package vllm

import (
	"regexp"
	"strings"

	"github.com/aim-engine/aim"
)

var (
	shards    = aim.Pattern(`Loading (?:safetensors|pt) checkpoint shards: +(\d+)% Completed \| (\d+)/(\d+)`)
	loadTook  = aim.Pattern(`Model loading took ([\d.]+) ?GiB(?: memory)? and ([\d.]+) seconds`)
	kvMemory  = aim.Pattern(`Available KV cache memory: (-?[\d.]+) GiB`)
	kvSize    = aim.Pattern(`GPU KV cache size: ([\d,]+) tokens`)
	concur    = aim.Pattern(`Maximum concurrency for ([\d,]+) tokens per request: ([\d.]+)x`)
	graphs    = aim.Pattern(`Capturing CUDA graphs?[^:]*: +(\d+)%`)
	graphTook = aim.Pattern(`Graph capturing finished in ([\d.]+) secs?, took (-?[\d.]+) GiB`)
)

// Milestone reads progress from one log line: a few words for people, "" for
// most lines. While the same milestone's text changes, the server is making
// progress.
func (Backend) Milestone(raw string) string {
	// A progress bar rewrites its line; the last state counts.
	raw = strings.TrimRight(raw, "\r\n")
	l := parseLine(raw[strings.LastIndex(raw, "\r")+1:])
	if l.Level == "ERROR" || l.Level == "CRITICAL" {
		return ""
	}
	for _, m := range []struct {
		pattern func() *regexp.Regexp
		format  string // $1 and so on are the pattern's groups
	}{
		{shards, "loading weights, $1 % ($2 of $3 files)"},
		{loadTook, "weights loaded, $1 GiB in $2 s"},
		{kvMemory, "$1 GiB for the KV cache"},
		{kvSize, "KV cache of $1 tokens"},
		{concur, "$2 requests of $1 tokens at once"},
		{graphs, "capturing graphs, $1 %"},
		{graphTook, "graphs captured, $2 GiB in $1 s"},
	} {
		if at := m.pattern().FindStringSubmatchIndex(l.Text); at != nil {
			return string(m.pattern().ExpandString(nil, m.format, l.Text, at))
		}
	}
	switch {
	case strings.Contains(l.Text, "Starting to load model"):
		return "loading weights"
	case strings.Contains(l.Text, "Starting vLLM server on"), strings.Contains(l.Text, "Starting vLLM API server"):
		return "opening the API"
	case strings.Contains(l.Text, "Application startup complete"):
		return "up"
	}
	return ""
}
