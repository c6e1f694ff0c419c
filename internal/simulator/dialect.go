package simulator

import "github.com/aim-engine/aim/internal/simulator/script"

// dialect is what sets one backend's stand-in apart: its options, and the words
// of its log.
type dialect struct {
	backend  string            // "vllm", whose option table is used
	title    string            // for people
	program  string            // before the options, as its parser names itself
	version  string            // the release to be, unless AIM_SIM_VERSION names another one
	model    string            // option that names the model; "" = the first word
	anyName  bool              // there is no served name
	defaults map[string]string // of options that are not given, by vLLM's words for them
	voice    func(*journal) voice
	// faults are the last words of a start that fails, where they are the
	// backend's own; "" is a fault that it does not have. What is not listed is
	// said by the layers below, in the same words everywhere.
	faults map[script.Name]string
}

// dialects are the backends that the stand-in can be.
var dialects = map[string]dialect{
	"vllm": {
		backend: "vllm", title: "vLLM", program: "vllm serve", version: "0.26.0",
		defaults: vllmDefaults, voice: func(j *journal) voice { return vllmVoice{j} },
	},
	"sglang": {
		backend: "sglang", title: "SGLang", program: "launch_server.py", version: "0.5.10", model: "model-path",
		defaults: defaultsWith(map[string]string{"host": "127.0.0.1", "port": "30000", "gpu-memory-utilization": "0.9", "block-size": "1"}),
		voice:    func(j *journal) voice { return sglangVoice{j} },
		faults: map[script.Name]string{
			script.KVNone:  "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: mem_fraction_static=0.9",
			script.KVShort: "", // it shortens what a request may have, and starts
			script.Length:  "ValueError: Warning: User-specified context_length (65536) is greater than the derived context_length (32768).",
			script.GPUBusy: "ValueError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes.",
			script.Attn:    "ValueError: Invalid attention backend: simulated",
			script.Quant:   "ValueError: simulated quantization is currently not supported in ROCm.",
			script.Arch:    "ValueError: Model architectures ['SimulatedForCausalLM'] are not supported for now.",
			script.TPHeads: "AssertionError: 9 is not divisible by 4",
			script.Parser:  "launch_server.py: error: argument --tool-call-parser: invalid choice: 'simulated'",
			script.Option:  "launch_server.py: error: unrecognized arguments: --simulated-option",
		},
	},
	"tgi": {
		backend: "tgi", title: "TGI", program: "text-generation-launcher", version: "3.3.5", model: "model-id", anyName: true,
		defaults: defaultsWith(map[string]string{"port": "3000", "gpu-memory-utilization": "1.0", "max-num-seqs": "128"}),
		voice:    func(j *journal) voice { return tgiVoice{j} },
		faults: map[script.Name]string{
			script.KVNone:  "RuntimeError: Not enough memory to handle 8192 prefill tokens. You need to decrease `--max-batch-prefill-tokens`",
			script.KVShort: "Error: Backend(Warmup) Not enough memory to handle `max_total_tokens=32768`",
			script.Length:  "",
			script.GPUBusy: "",
			script.Attn:    "NotImplementedError: Sharded Simulated requires Flash Attention enabled models.",
			script.Quant:   "",
			script.TPBlock: "",
			script.Arch:    "ValueError: Unsupported model type simulated",
			script.TPHeads: "ValueError: `num_heads` must be divisible by `num_shards` (got `num_heads`: 9 and `num_shards`: 4",
			script.Parser:  "",
			script.Option:  "error: unexpected argument '--simulated-option' found",
		},
	},
}

// vllmDefaults are what vLLM takes for options that are not given, on a GPU of
// MI300X size. max-model-len stands for what a model's config.json would say.
var vllmDefaults = map[string]string{
	"port":                   "8000",
	"dtype":                  "auto",
	"kv-cache-dtype":         "auto",
	"block-size":             "16",
	"gpu-memory-utilization": "0.92",
	"max-num-batched-tokens": "8192",
	"max-num-seqs":           "1024",
	"max-model-len":          "32768",
	"tensor-parallel-size":   "1",
	"pipeline-parallel-size": "1",
	"data-parallel-size":     "1",
	"nnodes":                 "1",
	"node-rank":              "0",
	"shutdown-timeout":       "0",
}

// defaultsWith are vLLM's but for those of another backend.
func defaultsWith(own map[string]string) map[string]string {
	all := map[string]string{}
	for _, layer := range []map[string]string{vllmDefaults, own} {
		for name, value := range layer {
			all[name] = value
		}
	}
	return all
}

// has tells whether the backend has such a fault.
func (d dialect) has(name script.Name) bool {
	text, own := d.faults[name]
	return !own || text != ""
}

// said is the crash in the backend's own words, where it has some.
func (d dialect) said(name script.Name, c *crash) *crash {
	text := d.faults[name]
	if text == "" {
		return c
	}
	own := *c
	own.cause = text
	if name == script.Parser || name == script.Option {
		own.stage, own.code = stageParser, exitUsage
	}
	return &own
}
