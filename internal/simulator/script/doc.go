// Package script reads AIM_SIMULATE: what a simulated server is told to do
// wrong, and how slow it is.
//
// A script is a list of clauses separated by semicolons. A clause is a fault, or
// a timing:
//
//	oom@max-num-batched-tokens>=8192; kv_short@max-model-len>8192; ready=2s
//
// Faults that end the start, in vLLM's words and with its exit code:
//
//	option       the command line is refused (exit 2; all others exit 1)
//	port         the port is taken
//	auth         the model is gated and the token is missing or refused
//	missing      the model does not exist
//	arch         the architecture is not known
//	quant        the quantization does not work on this hardware
//	length       the asked context is longer than the model's
//	remote_code  the model wants to run code of its own
//	parser       the tool parser is not known
//	tp_heads     attention heads do not divide by the GPU count
//	tp_block     quantization blocks do not divide by the GPU count
//	gpu_busy     GPU memory is held by somebody else
//	attn         no attention backend fits
//	oom          GPU memory runs out while weights are loaded
//	kv_none      no memory is left for the KV cache
//	kv_short     the KV cache cannot hold one request
//	gpu_fault    a GPU faults
//	disk         the disk is full
//
// Faults of a server that starts, or seems to; the time counts from ready:
//
//	hang            never becomes ready, and says nothing
//	talk            never becomes ready, and says the same thing over and over
//	wrong           serves another model's name
//	no_generate     has no interface for completions and chat (404)
//	no_embed        has no interface for embeddings (404)
//	crash=5s        the engine dies and the server ends (exit 1)
//	exit0=5s        the same, but it ends with exit code 0, as vLLM may
//	unhealthy=5s    /health answers 503 and requests fail; the server stays
//	mute=5s         /health and /metrics answer, and no request does any more
//	stall=5s        the engine stops: answers stop in mid-stream and new requests wait, while
//	                /health answers and /metrics goes on counting who waits
//	gpu_fault=5s    a GPU faults while the server runs (exit 1)
//
// A fault happens when all conditions after it hold, each led by an @:
//
//	@max-model-len>8192          an option, as given or by default: = != < <= > >=
//	@quantization=fp8            texts compare with = and !=
//	@VLLM_ROCM_USE_AITER=1       a name in capitals is an environment variable
//	@first=2                     the first two starts of this served name on this node
//
// Timings:
//
//	load=2s    loading the weights takes this long
//	ready=5s   ready this long after the start, or after load if that is later
//	ttft=50ms  time to the first token
//	tpot=5ms   time for each further token
//	stop=3s    the end takes this long after it was asked for
//
// Everything else is an error that names the clause.
package script
