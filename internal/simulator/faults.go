package simulator

import (
	"fmt"
	"strconv"

	"github.com/aim-engine/aim/internal/simulator/script"
)

// portTaken is Python's message for a port that somebody else has.
const portTaken = "OSError: [Errno 98] Address already in use"

// crashOf is how a fault of the script ends the start. The texts follow what
// vLLM, PyTorch, ROCm and the hub client print; only the numbers are made up.
func (s *standIn) crashOf(name script.Name) *crash {
	c, model, tp := s.command, s.command.model, s.command.number("tensor-parallel-size")
	switch name {
	case script.Option:
		return &crash{stage: stageParser, code: exitUsage, cause: "vllm: error: unrecognized arguments: --" + s.someOption()}
	case script.Port:
		return configCrash(portTaken)
	case script.Auth:
		return configCrash("huggingface_hub.errors.GatedRepoError: 401 Client Error.\n\nCannot access gated repo for url https://huggingface.co/%s/resolve/main/config.json.\nAccess to model %s is restricted. You must have access to it and be authenticated to access it.\nOSError: You are trying to access a gated repo.", model, model)
	case script.Missing:
		return configCrash("huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.\n\nRepository Not Found for url: https://huggingface.co/api/models/%s.", model)
	case script.Arch:
		return invalid("ModelConfig", "Model architectures ['SimulatedForCausalLM'] are not supported for now.")
	case script.Quant:
		return invalid("VllmConfig", "%s quantization is currently not supported in rocm.", or(c.text("quantization"), "simulated"))
	case script.Length:
		return invalid("ModelConfig", "User-specified max_model_len (%d) is greater than the derived max_model_len (max_position_embeddings=%d in model's config.json).", s.memory.longest, s.memory.longest/2)
	case script.RemoteCode:
		return invalid("ModelConfig", "The repository %s contains custom code which must be executed to correctly load the model. Please pass the argument `trust_remote_code=True` to allow custom code to be run.", model)
	case script.Parser:
		return configCrash("KeyError: 'invalid tool call parser: %s'", or(c.text("tool-call-parser"), "simulated"))
	case script.TPHeads:
		return invalid("VllmConfig", "Total number of attention heads (%d) must be divisible by tensor parallel size (%d).", 2*tp+1, tp)
	case script.TPBlock:
		return workerCrash("vllm/model_executor/layers/quantization/fp8:create_weights",
			"ValueError: Weight output_partition_size = %d is not divisible by weight quantization block_n = 128.", 1856/tp)
	case script.GPUBusy:
		return gpuBusy(0, s.memory.total/4, s.memory, c.utilization())
	case script.Attn:
		return workerCrash("vllm/platforms/rocm:get_attn_backend_cls",
			"ValueError: No valid attention backend found for rocm with AttentionSelectorConfig(head_size=192, dtype=torch.bfloat16, kv_cache_dtype=%s, block_size=%s). Reasons: {ROCM_ATTN: [head_size not supported], TRITON_ATTN: [head_size not supported]}.",
			c.text("kv-cache-dtype"), c.text("block-size"))
	case script.OOM:
		return outOfMemory(0, 2*gib, s.memory.total, gib/2)
	case script.KVNone:
		return noKVMemory()
	case script.KVShort:
		return s.kvShort()
	case script.Disk:
		return workerCrash("safetensors/torch:load_file", "OSError: [Errno 28] No space left on device")
	}
	return s.gpuFault()
}

// someOption is an option to refuse: the last one given.
func (s *standIn) someOption() string {
	if n := len(s.command.given); n > 0 {
		return s.command.given[n-1].Name
	}
	return "simulated-option"
}

func gpuBusy(index int, free uint64, m memory, utilization float64) *crash {
	return workerCrash("vllm/v1/worker/utils:request_memory",
		"ValueError: Free memory on device cuda:%d (%s/%s GiB) on startup is less than desired GPU memory utilization (%s, %s GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
		index, inGiB(free), inGiB(m.total), strconv.FormatFloat(utilization, 'f', -1, 64), inGiB(m.budget))
}

func outOfMemory(index int, asked, total, free uint64) *crash {
	return workerCrash("vllm/model_executor/model_loader/base_loader:load_model",
		"torch.OutOfMemoryError: HIP out of memory. Tried to allocate %s GiB. GPU %d has a total capacity of %s GiB of which %s GiB is free.",
		inGiB(asked), index, inGiB(total), inGiB(free))
}

func noKVMemory() *crash {
	return engineCrash("vllm/v1/core/kv_cache_utils:_check_enough_kv_cache_memory",
		"ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.")
}

// kvShort names a length that would do: the one that the script's own condition
// lets pass, where it has such a condition, else half of what was asked for.
func (s *standIn) kvShort() *crash {
	fits := s.memory.longest / 2
	for _, c := range s.active[script.KVShort].When {
		if n, err := strconv.Atoi(c.Text); err == nil && c.Name == "max-model-len" && c.Op == ">" {
			fits = n
		}
	}
	gpus := s.command.gpus()
	return engineCrash("vllm/v1/core/kv_cache_utils:_check_enough_kv_cache_memory",
		"ValueError: To serve at least one request with the models's max seq len (%d), (%s GiB KV cache is needed, which is larger than the available KV cache memory (%s GiB). Based on the available memory, the estimated maximum model length is %d. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
		s.memory.longest, inGiB(s.memory.longest*kvPerToken/gpus), inGiB(fits*kvPerToken/gpus), fits)
}

// gpuFault is the ROCm runtime's last line about the first GPU.
func (s *standIn) gpuFault() *crash {
	node := 1
	if len(s.gpus) > 0 {
		node = s.gpus[0].Node
	}
	return &crash{stage: stageGPU, code: exitCrash,
		cause: fmt.Sprintf("Memory access fault by GPU node-%d (Agent handle: 0x2f3c5d00) on address 0x7f2c00000000. Reason: Unknown.", node)}
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
