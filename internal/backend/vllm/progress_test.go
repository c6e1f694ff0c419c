package vllm_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aim-engine/aim/internal/backend/vllm"
)

func TestMilestonesOfAStart(t *testing.T) {
	var got []string
	for _, l := range strings.Split(readLog(t, "ready"), "\n") {
		if m := vllm.New().Milestone(l); m != "" {
			got = append(got, m)
		}
	}
	want := []string{
		"loading weights",
		"loading weights, 0 % (0 of 17 files)",
		"loading weights, 47 % (8 of 17 files)",
		"loading weights, 100 % (17 of 17 files)",
		"weights loaded, 61.0347 GiB in 21.512043 s",
		"109.84 GiB for the KV cache",
		"KV cache of 449,904 tokens",
		"13.73 requests of 32,768 tokens at once",
		"capturing graphs, 52 %",
		"graphs captured, 1.42 GiB in 11 s",
		"opening the API",
		"up",
	}
	if !slices.Equal(got, want) {
		t.Errorf("milestones are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMilestoneOfOtherLines(t *testing.T) {
	for line, want := range map[string]string{
		"": "",
		"(APIServer pid=1) INFO:     127.0.0.1:51234 - \"GET /health HTTP/1.1\" 200 OK":                                                          "",
		"(EngineCore pid=1) ERROR 11-21 10:00:00 [x.py:1] Starting to load model":                                                                "",                                     // an error is no progress
		"INFO 05-06 10:00:01 [model_runner.py:1108] Model loading took 61.03 GiB and 12.30 seconds":                                              "weights loaded, 61.03 GiB in 12.30 s", // v0.9 form
		"INFO 05-06 10:00:01 [api_server.py:1090] Starting vLLM API server 0 on http://0.0.0.0:8000":                                             "opening the API",
		"INFO 07-01 10:00:01 [kv_cache_utils.py:2481] GPU KV cache size: 1,234 tokens, Maximum concurrency for 100 tokens per request: 12.34x":   "KV cache of 1,234 tokens",
		"Loading safetensors checkpoint shards:   0% Completed | 0/2\rLoading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01]": "loading weights, 50 % (1 of 2 files)",
	} {
		if got := vllm.New().Milestone(line); got != want {
			t.Errorf("Milestone(%q) = %q, want %q", line, got, want)
		}
	}
}

// The keys are those of the memory estimate, the numbers bytes and tokens.
func TestMeasured(t *testing.T) {
	got := vllm.New().Measured(readLog(t, "ready"))
	want := map[string]float64{
		"weights": 61.0347 * gib, "load_seconds": 21.512043, "free_for_kv": 109.84 * gib, "kv_tokens": 449904,
		"length": 32768, "concurrency": 13.73, "graphs": 1.42 * gib,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
}

// Of several ranks the one that limits the replica counts.
func TestMeasuredOverRanks(t *testing.T) {
	got := vllm.New().Measured(`
(Worker_TP0 pid=1) INFO 11-21 10:00:42 [r.py:1] Model loading took 30.5 GiB memory and 20.0 seconds
(Worker_TP1 pid=2) INFO 11-21 10:00:42 [r.py:1] Model loading took 31.5 GiB memory and 19.0 seconds
(Worker_TP0 pid=1) INFO 11-21 10:00:55 [w.py:1] Available KV cache memory: 100.0 GiB
(Worker_TP1 pid=2) INFO 11-21 10:00:55 [w.py:1] Available KV cache memory: 99.0 GiB
(EngineCore pid=3) INFO 11-21 10:00:55 [k.py:1] GPU KV cache size: 1,000,000 tokens
(EngineCore pid=3) INFO 11-21 10:00:55 [k.py:1] GPU KV cache size: 990,000 tokens`)
	want := map[string]float64{"weights": 31.5 * gib, "load_seconds": 20, "free_for_kv": 99 * gib, "kv_tokens": 990000}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("measured %v, want %v", got, want)
	}
	if got := vllm.New().Measured("nothing of the kind"); len(got) != 0 {
		t.Errorf("a log without figures gives %v", got)
	}
}
