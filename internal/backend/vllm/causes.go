package vllm

import (
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/cause"
)

// dialect is how vLLM writes its log: from the engine core, from a worker for each
// GPU, and from the API server in front of them.
var dialect = cause.Dialect{
	Parse: parseLine, Causes: causes, Front: "apiserver", Up: "Application startup complete",
	Wrappers: []string{
		"Engine core initialization failed", "Engine process failed to start", "WorkerProc initialization failed",
		"failed to be inspected", "please check the stack trace above", "EngineDeadError", "EngineCore encountered an issue",
	},
}

// causes are vLLM's own messages, before those of the layers below it.
var causes = slices.Concat([]cause.Cause{
	cause.Names(aim.ClassKVNone, "", "No available memory for the cache blocks"),
	cause.Names(aim.ClassKVShort, "", "To serve at least one request with"),
	cause.Names(aim.ClassKVShort, "", "larger than the maximum number of tokens that can be stored in KV cache"),
	cause.Names(aim.ClassGPUBusy, "see who holds it with: aim gpu list", "Free memory on device", "less than desired GPU memory utilization"),
	cause.Names(aim.ClassGPUBusy, "another process used the GPU meanwhile; see who with: aim gpu list", "Error in memory profiling"),
	cause.Names(aim.ClassLength, "", "User-specified max_model_len", "is greater than the derived"),
	cause.Names(aim.ClassTPHeads, "", "must be divisible by tensor parallel size"),
	cause.Names(aim.ClassTPBlock, "", "is not divisible by weight quantization block"),
	cause.Names(aim.ClassInternal, cause.HintOurs, "World size", "larger than the number of"),
	cause.Names(aim.ClassInternal, cause.HintOurs, "Inconsistent GPU visibility"),
	cause.Names(aim.ClassQuant, "", "Unknown quantization method"),
	cause.Names(aim.ClassQuant, "", "does not match the quantization method"),
	cause.Names(aim.ClassQuant, "", "Minimum capability"),
	cause.Names(aim.ClassAttention, "", "No valid attention backend found"),
	cause.Names(aim.ClassAttention, "", "Selected backend", "is not valid"),
	cause.Names(aim.ClassArch, "", "Model architecture", "not supported for now"),
	cause.Names(aim.ClassArch, "", "no vLLM implementation"),
	cause.Names(aim.ClassParser, "", "invalid tool call parser"),
	cause.Names(aim.ClassParser, "", "invalid reasoning parser"),
	cause.Names(aim.ClassOption, "", "Unknown vLLM environment variable"),
	cause.Names(aim.ClassWeights, "", "Cannot find any model weights"),
	cause.Signals(aim.ClassTimeout, "", "Timed out waiting for engine"),
	cause.Signals(aim.ClassHostOOM, "look at the memory limit of the server and the host's kernel log", "Failed core proc(s)", ": -9"),
	cause.Signals(aim.ClassHostOOM, "look at the memory limit of the server and the host's kernel log", "died unexpectedly"),
}, cause.Common())
