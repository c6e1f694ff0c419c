package simulator

import (
	"fmt"
	"time"
)

// voice is what a server says of itself, in the order of its life.
type voice interface {
	starting(c *commandLine)
	settled(c *commandLine, m memory) // its devices are there
	loading(c *commandLine)
	shard(done, all int, since time.Duration)
	loaded(bytes uint64, took time.Duration)
	room(m memory) // for the KV cache; it may be none
	cached(m memory)
	listening(address string)
	up()
	unwell()
	stopping()
	stopped()
	crashed(c *crash, gpus int)
}

// vllmVoice speaks as vLLM does.
type vllmVoice struct{ *journal }

func (v vllmVoice) starting(c *commandLine) {
	v.info(apiServer, "api_server.py:1870", "vLLM API server version %s", c.version)
	v.info(apiServer, "utils.py:253", "non-default args: %s", c)
}

func (v vllmVoice) settled(c *commandLine, m memory) {
	v.info(apiServer, "model.py:2021", "Using max model len %d", m.longest)
	v.info(engineCore, "core.py:105", "Initializing a V1 LLM engine (v%s) with config: model='%s', max_seq_len=%d, tensor_parallel_size=%s, simulated=True",
		c.version, c.model, m.longest, c.text("tensor-parallel-size"))
}

func (v vllmVoice) loading(c *commandLine) {
	v.info(engineCore, "gpu_model_runner.py:4777", "Starting to load model %s...", c.model)
}

func (v vllmVoice) shard(done, all int, since time.Duration) {
	v.plain("(%s pid=%d) Loading safetensors checkpoint shards: %3d%% Completed | %d/%d [%s]",
		engineCore, v.pid, 100*done/all, done, all, clock(since))
}

func (v vllmVoice) loaded(bytes uint64, took time.Duration) {
	v.info(engineCore, "gpu_model_runner.py:4879", "Model loading took %s GiB memory and %.6f seconds", inGiB(bytes), took.Seconds())
}

func (v vllmVoice) room(m memory) {
	v.info(engineCore, "gpu_worker.py:538", "Available KV cache memory: %s GiB", inGiB(m.kv))
}

func (v vllmVoice) cached(m memory) {
	v.info(engineCore, "kv_cache_utils.py:1869", "GPU KV cache size: %s tokens", thousands(m.tokens))
	v.info(engineCore, "kv_cache_utils.py:1874", "Maximum concurrency for %s tokens per request: %.2fx",
		thousands(m.longest), float64(m.tokens)/float64(max(m.longest, 1)))
}

func (v vllmVoice) listening(address string) {
	v.info(apiServer, "api_server.py:1931", "Starting vLLM server on http://%s", address)
	v.uvicorn("Started server process [%d]", v.pid)
	v.uvicorn("Waiting for application startup.")
}

func (v vllmVoice) up() { v.uvicorn("Application startup complete.") }

func (v vllmVoice) unwell() {
	v.fault(engineCore, "core.py:1374", "EngineCore does not answer (simulated).")
}

func (v vllmVoice) stopping() { v.uvicorn("Shutting down") }

func (v vllmVoice) stopped() {
	v.uvicorn("Application shutdown complete.")
	v.uvicorn("Finished server process [%d]", v.pid)
}

func (v vllmVoice) crashed(c *crash, gpus int) { v.report(c, gpus) }

// uvicorn writes a line of the HTTP server's own log.
func (v vllmVoice) uvicorn(format string, args ...any) {
	v.plain("(%s pid=%d) INFO:     %s", apiServer, v.pid, fmt.Sprintf(format, args...))
}
