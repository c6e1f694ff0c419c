package simulator

import (
	"fmt"
	"strings"
	"time"
)

// sglangVoice speaks as SGLang does:
//
//	[2026-02-14 09:06:09 TP0] Load weight begin. avail mem=190.29 GB
type sglangVoice struct{ *journal }

func (v sglangVoice) say(rank, format string, args ...any) {
	v.plain("[%s%s] %s", time.Now().Format(time.DateTime), rank, fmt.Sprintf(format, args...))
}

func (v sglangVoice) starting(c *commandLine) { v.say("", "server_args=ServerArgs(%s)", c) }

func (v sglangVoice) settled(*commandLine, memory) { v.say(" TP0", "Init torch distributed begin.") }

func (v sglangVoice) loading(*commandLine) { v.say(" TP0", "Load weight begin.") }

func (v sglangVoice) shard(done, all int, since time.Duration) {
	v.plain("Loading safetensors checkpoint shards: %3d%% Completed | %d/%d [%s]", 100*done/all, done, all, clock(since))
}

func (v sglangVoice) loaded(bytes uint64, took time.Duration) {
	v.say(" TP0", "Load weight end. elapsed=%.2f s, type=SimulatedForCausalLM, dtype=torch.bfloat16, mem usage=%s GB.", took.Seconds(), inGiB(bytes))
}

func (v sglangVoice) room(memory) {}

func (v sglangVoice) cached(m memory) {
	half := inGiB(m.kv / 2)
	v.say(" TP0", "KV Cache is allocated. dtype: torch.bfloat16, #tokens: %d, K size: %s GB, V size: %s GB", m.tokens, half, half)
	v.say(" TP0", "max_total_num_tokens=%d, context_len=%d", m.tokens, m.longest)
}

func (v sglangVoice) listening(address string) {
	v.say("", "INFO:     Started server process [%d]", v.pid)
	v.say("", "INFO:     Uvicorn running on http://%s (Press CTRL+C to quit)", address)
}

func (v sglangVoice) up() { v.say("", "The server is fired up and ready to roll!") }

func (v sglangVoice) unwell() {
	v.say("", "Health check failed. Server couldn't get a response (simulated).")
}

func (v sglangVoice) stopping() { v.say("", "SIGTERM received. Drain requests and shut down...") }

func (v sglangVoice) stopped() { v.say("", "INFO:     Finished server process [%d]", v.pid) }

// crashed writes the cause first, and last what the other processes say of it.
func (v sglangVoice) crashed(c *crash, _ int) {
	if c.stage == stageParser {
		v.complain("usage: launch_server.py [-h] --model-path MODEL_PATH")
		v.complain("%s", c.cause)
		return
	}
	v.say(" TP0", "Scheduler hit an exception: %s", strings.Join(traceback(inside([]string{"sglang/srt/managers/scheduler:run_scheduler_process"}, "sglang/srt/model_executor/model_runner:initialize"), c.cause), "\n"))
	v.say("", "Received sigquit from a child process. It usually means the child failed.")
}
