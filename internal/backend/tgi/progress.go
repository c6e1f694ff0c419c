package tgi

import (
	"strings"

	"github.com/aim-engine/aim"
)

var (
	shardReady = aim.Pattern(`^Shard ready in ([\d.]+)s`)
	batchTotal = aim.Pattern(`[Ss]etting max batch total tokens to (\d+)`)
)

// Milestone reads progress from one log line: a few words for people, "" for
// most lines.
func (Backend) Milestone(raw string) string {
	l := parseLine(strings.TrimRight(raw, "\r\n"))
	if m := shardReady().FindStringSubmatch(l.Text); m != nil {
		return "weights loaded in " + m[1] + " s"
	}
	if m := batchTotal().FindStringSubmatch(l.Text); m != nil {
		return "KV cache of " + m[1] + " tokens"
	}
	switch {
	case strings.HasPrefix(l.Text, "Starting shard"), strings.HasPrefix(l.Text, "Waiting for shard to be ready"):
		return "loading weights"
	case strings.HasPrefix(l.Text, "Warming up model"):
		return "profiling a full step"
	case l.Text == "Connected":
		return "up"
	}
	return ""
}
