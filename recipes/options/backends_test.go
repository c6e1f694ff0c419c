package options_test

import (
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/recipes/options"
)

func tableOf(t testing.TB, backend string) *options.Table {
	t.Helper()
	tab, err := options.For(backend, "")
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// A recipe may say what it wants in vLLM's words, whatever the backend.
func TestOneWordForEveryBackend(t *testing.T) {
	for _, c := range []struct {
		backend, name string
		value         any
		want          string // as on a command line; "" = nothing
	}{
		{"vllm", "max_model_len", 32768, "--max-model-len 32768"},
		{"sglang", "max_model_len", 32768, "--context-length 32768"},
		{"tgi", "max_model_len", 32768, "--max-total-tokens 32768"},
		{"sglang", "gpu_memory_utilization", 0.85, "--mem-fraction-static 0.85"},
		{"tgi", "gpu_memory_utilization", 0.85, "--cuda-memory-fraction 0.85"},
		{"sglang", "max_num_batched_tokens", 8192, "--chunked-prefill-size 8192"},
		{"tgi", "max_num_batched_tokens", 8192, "--max-batch-prefill-tokens 8192"},
		{"sglang", "max_num_seqs", 256, "--max-running-requests 256"},
		{"tgi", "max_num_seqs", 256, "--max-concurrent-requests 256"},
		{"sglang", "kv_cache_dtype", "fp8", "--kv-cache-dtype fp8_e4m3"},
		{"sglang", "kv-cache-dtype", "fp8_e5m2", "--kv-cache-dtype fp8_e5m2"},
		{"tgi", "quantization", "awq", "--quantize awq"},
		{"tgi", "dtype", "half", "--dtype float16"},
		{"sglang", "enforce_eager", true, "--disable-cuda-graph"},
		{"sglang", "enforce_eager", false, ""},
		{"sglang", "enable_prefix_caching", false, "--disable-radix-cache"},
		{"sglang", "enable_prefix_caching", true, ""},
		{"sglang", "context_length", 4096, "--context-length 4096"},
		{"sglang", "tensor_parallel_size", 8, "--tp-size 8"},
	} {
		tab := tableOf(t, c.backend)
		o, ok, problem := tab.FromValue(c.name, c.value)
		got := ""
		if ok {
			got = strings.Join(tab.Render([]aim.Option{o}), " ")
		}
		if problem != nil || got != c.want {
			t.Errorf("%s %s=%v: %q (%v), want %q", c.backend, c.name, c.value, got, problem, c.want)
		}
	}
}

// An option is found, replaced and removed under either name.
func TestWordsAndNamesAreOneSetting(t *testing.T) {
	tab := tableOf(t, "sglang")
	opts := tab.Merge([]aim.Option{{Name: "context-length", Value: "1024"}}, []aim.Option{{Name: "max-model-len", Value: "2048"}})
	if len(opts) != 1 || opts[0].Name != "context-length" || opts[0].Value != "2048" {
		t.Fatalf("merged to %v", opts)
	}
	if o, ok := tab.Get(opts, "max-model-len"); !ok || o.Value != "2048" {
		t.Errorf("Get by word: %v %t", o, ok)
	}
	if got := tab.Word("context-length"); got != "max-model-len" {
		t.Errorf("Word = %q", got)
	}
	if left := tab.Without(opts, "max-model-len"); len(left) != 0 {
		t.Errorf("Without by word leaves %v", left)
	}
}

// On a command line only the server's own names count, because its own parser
// would refuse the others. Each server has its own liberties.
func TestParseIsAsStrictAsTheServer(t *testing.T) {
	for _, c := range []struct{ backend, args, want string }{
		{"sglang", "--context-length 4096 --tp 2", ""},
		{"sglang", "--disable-cuda-graph --mem-fraction-static=0.8", ""},
		{"sglang", "--max-model-len 4096", "sglang calls it --context-length"},
		{"sglang", "--context_length 4096", "has no such option; did you mean --context-length"},
		{"sglang", "--context-length 4k", "not a whole number"},
		{"sglang", "--mem-fraction-static 1.5", "less than 1"},
		{"sglang", "--tool-call-parser hermes", "is not one of"},
		{"sglang", "--no-enable-mixed-chunk", "has no such option"},
		{"tgi", "--max-total-tokens 4096 --dtype bfloat16", ""},
		{"tgi", "--max-total-token 4096", "has no such option; did you mean --max-total-tokens"},
		{"tgi", "--max-total-tokens 1 --max-total-tokens 2", "more than once"},
		{"tgi", "--dtype float16 --quantize fp8", "cannot be given beside --quantize"},
		{"tgi", "--dtype float32", "is not one of"},
		{"tgi", "-O3", "has no such option"},
	} {
		_, err := tableOf(t, c.backend).Parse(strings.Fields(c.args))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s: %v, want %q", c.backend, c.args, err, c.want)
		}
	}
}

func TestEveryBackendReservesWhatTheNodeSets(t *testing.T) {
	for backend, names := range map[string][]string{
		"vllm":   {"host", "port", "tensor-parallel-size", "api-key", "trust-remote-code", "download-dir"},
		"sglang": {"host", "port", "tp-size", "api-key", "trust-remote-code", "download-dir", "enable-metrics", "custom-weight-loader"},
		"tgi":    {"hostname", "port", "num-shard", "api-key", "trust-remote-code", "huggingface-hub-cache", "kv-cache-dtype"},
	} {
		tab := tableOf(t, backend)
		for _, name := range names {
			spec, ok := tab.Spec(name)
			if !ok {
				t.Errorf("%s has no --%s", backend, name)
				continue
			}
			problems := tab.CheckUser([]aim.Option{{Name: name, Value: "1", Bare: spec.Type == "bool"}})
			if len(problems) == 0 || problems[len(problems)-1].Kind != options.Reserved {
				t.Errorf("%s --%s is not refused: %v", backend, name, problems)
			}
		}
	}
}

// What the tables call vLLM's word is one, and stands for one option alone.
func TestWordsAreVLLMs(t *testing.T) {
	vllm := tableOf(t, "vllm")
	for _, backend := range []string{"sglang", "tgi"} {
		tab, seen := tableOf(t, backend), map[string]string{}
		for _, name := range tab.Names() {
			spec, _ := tab.Spec(name)
			if spec.Word == "" {
				continue
			}
			if _, known := vllm.Spec(spec.Word); !known && spec.Word != "model" {
				t.Errorf("%s --%s: vLLM has no --%s", backend, name, spec.Word)
			}
			if other := seen[spec.Word]; other != "" {
				t.Errorf("%s: --%s and --%s are both %s", backend, name, other, spec.Word)
			}
			seen[spec.Word] = name
		}
	}
}
