package simulator

import (
	"fmt"
	"strings"
	"time"
)

// tgiVoice speaks as TGI's launcher does:
//
//	2026-03-13T08:37:54.657147Z  INFO shard-manager: text_generation_launcher: Starting shard rank=0
type tgiVoice struct{ *journal }

func (v tgiVoice) say(level, source, format string, args ...any) {
	v.plain("%s %5s %s: %s", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), level, source, fmt.Sprintf(format, args...))
}

const (
	tgiLauncher = "text_generation_launcher"
	tgiShards   = "shard-manager: text_generation_launcher"
	tgiRouter   = "text_generation_router::server"
)

func (v tgiVoice) starting(c *commandLine) { v.say("INFO", tgiLauncher, "Args { %s }", c) }

func (v tgiVoice) settled(*commandLine, memory) {
	v.say("INFO", tgiLauncher, "Files are already present on the host. Skipping download.")
}

func (v tgiVoice) loading(*commandLine) { v.say("INFO", tgiShards, "Starting shard rank=0") }

func (v tgiVoice) shard(int, int, time.Duration) {
	v.say("INFO", tgiShards, "Waiting for shard to be ready... rank=0")
}

func (v tgiVoice) loaded(_ uint64, took time.Duration) {
	v.say("INFO", tgiShards, "Shard ready in %.9fs rank=0", took.Seconds())
}

func (v tgiVoice) room(memory) { v.say("INFO", "text_generation_router_v3", "Warming up model") }

func (v tgiVoice) cached(m memory) {
	v.say("INFO", "text_generation_router_v3", "Setting max batch total tokens to %d", m.tokens)
}

func (v tgiVoice) listening(address string) { v.say("INFO", tgiRouter, "Serving on %s", address) }

func (v tgiVoice) up() { v.say("INFO", tgiRouter, "Connected") }

func (v tgiVoice) unwell() { v.say("ERROR", tgiRouter, "Model is not healthy (simulated).") }

func (v tgiVoice) stopping() { v.say("INFO", tgiRouter, "signal received, starting graceful shutdown") }

func (v tgiVoice) stopped() { v.say("INFO", tgiLauncher, "webserver terminated") }

// crashed writes the cause first, and last what the launcher says of it.
func (v tgiVoice) crashed(c *crash, _ int) {
	if c.stage == stageParser {
		v.complain("%s\n\nFor more information, try '--help'.", c.cause)
		return
	}
	v.say("ERROR", tgiShards, "Shard complete standard error output:\n%s rank=0",
		strings.Join(traceback(inside([]string{"text_generation_server/cli:serve"}, "text_generation_server/server:serve_inner"), c.cause), "\n"))
	v.say("ERROR", tgiLauncher, "Shard 0 failed to start")
	v.complain("Error: ShardCannotStart")
}
