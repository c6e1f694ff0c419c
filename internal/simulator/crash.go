package simulator

import (
	"errors"
	"fmt"
	"slices"
)

// Exit codes of a vLLM server.
const (
	exitDone       = 0
	exitCrash      = 1
	exitUsage      = 2
	exitTerminated = 143 // 128 + SIGTERM
)

// stage is where a start ends, which decides what surrounds the cause in the log.
type stage int

const (
	stageParser stage = iota // usage and one line
	stageConfig              // a traceback of the API server
	stageEngine              // a traceback of the engine, then the wrapper
	stageWorker              // the same; with several GPUs one more around it
	stageGPU                 // a line of the ROCm runtime, then the wrappers
)

// crash is the end of a server that did not want to end.
type crash struct {
	stage stage
	code  int
	where string // innermost frame: module path and function
	cause string // last words: the exception and its message
	late  bool   // after the server was up
}

// Error is the cause.
func (c *crash) Error() string { return c.cause }

// What the API server says of an engine that did not start, or died later.
const (
	notStarted = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}"
	engineDead = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause."
)

// The frames around the place where a start fails, outermost first.
var (
	configFrames = []string{"vllm/entrypoints/cli/main:main", "vllm/entrypoints/cli/serve:cmd", "vllm/engine/arg_utils:create_engine_config"}
	clientFrames = []string{"vllm/entrypoints/cli/main:main", "vllm/v1/engine/core_client:make_async_mp_client", "vllm/v1/engine/utils:wait_for_engine_startup"}
	engineFrames = []string{"vllm/v1/engine/core:run_engine_core", "vllm/v1/engine/core:__init__"}
	workerFrames = []string{"vllm/v1/executor/multiproc_executor:worker_main", "vllm/v1/executor/multiproc_executor:__init__"}
)

// report writes the end in vLLM's shape: the cause first, the wrappers last.
func (j *journal) report(c *crash, gpus int) {
	switch c.stage {
	case stageParser:
		j.complain("usage: vllm serve [model_tag] [options]")
		j.complain("%s", c.cause)
	case stageConfig:
		j.raise(apiServer, traceback(inside(configFrames, c.where), c.cause)...)
	case stageGPU:
		j.complain("%s", c.cause)
		j.fault(engineCore, "multiproc_executor.py:287", "Worker proc VllmWorker-0 died unexpectedly, shutting down executor.")
		j.wrap(c.late)
	case stageWorker, stageEngine:
		j.reportEngine(c, gpus)
		j.wrap(c.late)
	}
}

// reportEngine writes a cause that arises in the engine, or in a worker of it.
func (j *journal) reportEngine(c *crash, gpus int) {
	frames, cause := inside(engineFrames, c.where), c.cause
	if c.stage == stageWorker && gpus > 1 {
		j.fault(worker, "multiproc_executor.py:870", "WorkerProc failed to start.")
		j.fault(worker, "multiproc_executor.py:870", traceback(inside(workerFrames, c.where), c.cause)...)
		frames = inside(engineFrames, "vllm/v1/executor/multiproc_executor:wait_for_ready")
		cause = "Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause."
	}
	what := "EngineCore failed to start."
	if c.late {
		what = "EngineCore encountered a fatal error."
	}
	j.fault(engineCore, "core.py:1344", what)
	j.fault(engineCore, "core.py:1344", traceback(frames, cause)...)
	j.raise(engineCore, "Process EngineCore:")
	j.raise(engineCore, traceback(frames, cause)...)
}

// wrap writes what the API server says of any engine that is not there.
func (j *journal) wrap(late bool) {
	last := notStarted
	if late {
		last = engineDead
	}
	j.raise(apiServer, traceback(clientFrames, last)...)
}

// inside adds the innermost frame.
func inside(frames []string, where string) []string { return append(slices.Clip(frames), where) }

// usage makes what is wrong with the way the stand-in was called the end of it.
func (s *standIn) usage(err error) error {
	if errors.As(err, new(*crash)) {
		return err
	}
	return &crash{stage: stageParser, code: exitUsage, cause: "aim simulate " + s.dialect.backend + ": error: " + err.Error()}
}

// configCrash is an exception of the API server while it reads its settings.
func configCrash(format string, args ...any) *crash {
	return &crash{stage: stageConfig, code: exitCrash, where: "vllm/config/vllm:__post_init__", cause: fmt.Sprintf(format, args...)}
}

// invalid is configCrash as pydantic words it.
func invalid(config, format string, args ...any) *crash {
	return configCrash("pydantic_core._pydantic_core.ValidationError: 1 validation error for %s\n  Value error, %s", config, fmt.Sprintf(format, args...))
}

// workerCrash is an exception of the process that drives a GPU.
func workerCrash(where, format string, args ...any) *crash {
	return &crash{stage: stageWorker, code: exitCrash, where: where, cause: fmt.Sprintf(format, args...)}
}

// engineDeath is the end of an engine that was up. vLLM's exit code may be 0.
func engineDeath(code int) *crash {
	return &crash{stage: stageEngine, code: code, late: true, where: "vllm/v1/engine/core:run_busy_loop", cause: "RuntimeError: simulated engine failure"}
}

// engineCrash is an exception of the engine itself.
func engineCrash(where, format string, args ...any) *crash {
	return &crash{stage: stageEngine, code: exitCrash, where: where, cause: fmt.Sprintf(format, args...)}
}
