package tgi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/backendtest"
	"github.com/aim-engine/aim/internal/backend/tgi"
	"github.com/aim-engine/aim/recipes/options"
)

func rung(change func(*aim.Rung)) aim.Rung {
	r := aim.Rung{
		Number: 1, Recipe: "test", Model: "Qwen/Qwen3-32B", ServedName: "Qwen/Qwen3-32B", Backend: "tgi", Version: "3.3.5",
		Image: "ghcr.io/huggingface/text-generation-inference:3.3.5-rocm", GPUType: "MI300X", GPUs: 1, Nodes: 1,
		Options: []aim.Option{{Name: "max-total-tokens", Value: "32768"}},
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestArgs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*aim.Rung)
		want   string
	}{
		"one GPU": {nil, "--model-id Qwen/Qwen3-32B --hostname 0.0.0.0 --port 8000 --num-shard 1 --usage-stats off --max-total-tokens 32768"},
		"four GPUs and a revision": {func(r *aim.Rung) { r.GPUs, r.Revision, r.Options = 4, "abc", nil },
			"--model-id Qwen/Qwen3-32B --hostname 0.0.0.0 --port 8000 --num-shard 4 --usage-stats off --revision abc"},
	} {
		args, _, err := tgi.New().Args(rung(c.change), "0.0.0.0", 8000)
		if got := strings.Join(args, " "); err != nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
			continue
		}
		table, err := options.For("tgi", "3.3.5")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Parse(args); err != nil {
			t.Errorf("%s: the server would refuse %v: %v", name, args, err)
		}
	}
}

func TestArgsRefuse(t *testing.T) {
	option := backendtest.Option
	backendtest.Refuses(t, tgi.New(), rung, map[string]backendtest.Refusal{
		"vLLM's name":    backendtest.Refused(option("max-model-len", "1"), aim.ClassOption, "tgi calls it --max-total-tokens"),
		"an 8-bit cache": backendtest.Refused(option("kv-cache-dtype", "fp8_e5m2"), aim.ClassOption, "not on ROCm"),
		"another port":   backendtest.Refused(option("port", "1"), aim.ClassOption, "AIM Engine sets it itself"),
		"the internet":   backendtest.Refused(option("ngrok", ""), aim.ClassOption, "opens the server to the internet"),
		"remote code":    backendtest.Refused(option("trust-remote-code", ""), aim.ClassRemoteCode, "node.remote_code"),
		"embeddings":     backendtest.Refused(func(r *aim.Rung) { r.Task = "embed" }, aim.ClassOption, "cannot embed"),
		"two nodes":      backendtest.Refused(func(r *aim.Rung) { r.Nodes = 2 }, aim.ClassOption, "spans 2 nodes"),
		"dtype, quantized": backendtest.Refused(func(r *aim.Rung) {
			r.Options = []aim.Option{{Name: "dtype", Value: "float16"}, {Name: "quantize", Value: "fp8"}}
		}, aim.ClassOption, "beside --quantize"),
	})
}

// Every cause is found between a start that has gone well so far and the
// reports of the launcher, and those are never taken for it.
func TestClassifyFindsTheRootCause(t *testing.T) {
	begun, wrappers := backendtest.Log(t, "ready"), backendtest.Log(t, "wrappers")
	backendtest.Classifies(t, tgi.New(), begun, wrappers, map[string]aim.FailureClass{
		"error: unexpected argument '--max-model-len' found":                                                                                                             aim.ClassOption,
		"error: invalid value 'float8' for '--dtype <DTYPE>'":                                                                                                            aim.ClassOption,
		`Error: ArgumentValidation("max_input_tokens must be < max_total_tokens")`:                                                                                       aim.ClassOption,
		"RuntimeError: Not enough memory to handle 8192 prefill tokens. You need to decrease `--max-batch-prefill-tokens`":                                               aim.ClassKVNone,
		"Error: Backend(NotEnoughMemory(32768)) Not enough memory to handle `max_total_tokens=32768`":                                                                    aim.ClassKVShort,
		"2026-03-13T08:38:31.620100Z ERROR text_generation_launcher: ValueError: `num_heads` must be divisible by `num_shards` (got `num_heads`: 28 and `num_shards`: 8": aim.ClassTPHeads,
		"Error: NotEnoughCUDADevices(\"`num_shard` is 8 but only found 4 CUDA devices\")":                                                                                aim.ClassInternal,
		"ValueError: Unsupported model type foo":                                                                                                                         aim.ClassArch,
		"torch.OutOfMemoryError: HIP out of memory. Tried to allocate 594.00 MiB.":                                                                                       aim.ClassOOM,
		"2026-03-13T08:38:31Z ERROR shard-manager: text_generation_launcher: Shard process was signaled to shutdown with signal 9 rank=0":                                aim.ClassHostOOM,
	})
}

func TestProgressOfAStart(t *testing.T) {
	var seen []string
	for line := range strings.Lines(backendtest.Log(t, "ready")) {
		if m := tgi.New().Milestone(line); m != "" && !slices.Contains(seen, m) {
			seen = append(seen, m)
		}
	}
	want := []string{"loading weights", "weights loaded in 40.310910525 s", "profiling a full step", "KV cache of 843120 tokens", "up"}
	if !slices.Equal(seen, want) {
		t.Errorf("milestones %q, want %q", seen, want)
	}
}

// TGI serves its one model under any name, so that only an answer proves it.
func TestProve(t *testing.T) {
	for name, c := range map[string]struct {
		health, answer int
		proved         bool
	}{"ready": {200, 200, true}, "shards dead": {503, 200, false}, "cannot generate": {200, 500, false}} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.health) })
		mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.answer)
			_, _ = io.WriteString(w, `{"choices":[{"text":"!"}]}`)
		})
		s := httptest.NewServer(mux)
		_, err := tgi.New().Prove(t.Context(), s.Client(), s.URL, "a name of ours", "")
		s.Close()
		if (err == nil) != c.proved {
			t.Errorf("%s: %v", name, err)
		}
	}
}
