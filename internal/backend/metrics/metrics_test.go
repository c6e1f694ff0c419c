package metrics_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/metrics"
)

func read(t testing.TB, text string, table metrics.Table) aim.Reading {
	t.Helper()
	m, err := metrics.Read(strings.NewReader(text), table)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Every name of the table is one that vLLM exposes, or has exposed.
func TestTheNamesAreTheServers(t *testing.T) {
	f, err := os.Open("testdata/vllm-series.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	exposed := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), "\t")
		exposed[name] = true
	}
	for name := range metrics.VLLM {
		if !exposed[name] {
			t.Errorf("vLLM has no series %s", name)
		}
	}
}

// A quantity is read under each name that it has had.
func TestRenamedSeriesAreRead(t *testing.T) {
	for _, c := range []struct {
		series string
		table  metrics.Table
		of     func(aim.Reading) float64
	}{
		{"vllm:kv_cache_usage_perc", metrics.VLLM, func(m aim.Reading) float64 { return m.KVUse }},
		{"vllm:gpu_cache_usage_perc", metrics.VLLM, func(m aim.Reading) float64 { return m.KVUse }},
		{"vllm:gpu_prefix_cache_hits", metrics.VLLM, func(m aim.Reading) float64 { return m.PrefixHits }},
		{"vllm:prefix_cache_hits_total", metrics.VLLM, func(m aim.Reading) float64 { return m.PrefixHits }},
		{"vllm:time_per_output_token_seconds", metrics.VLLM, func(m aim.Reading) float64 { return *m.BetweenTokens.Quantile(1) }},
		{"vllm:inter_token_latency_seconds", metrics.VLLM, func(m aim.Reading) float64 { return *m.BetweenTokens.Quantile(1) }},
		{"sglang:token_usage", metrics.SGLang, func(m aim.Reading) float64 { return m.KVUse }},
		{"sglang:num_queue_reqs", metrics.SGLang, func(m aim.Reading) float64 { return m.Waiting }},
		{"tgi_queue_size", metrics.TGI, func(m aim.Reading) float64 { return m.Waiting }},
		{"tgi_request_generated_tokens_sum", metrics.TGI, func(m aim.Reading) float64 { return m.OutputTokens }},
	} {
		text := c.series + `{model_name="a"} 0.5` + "\n" +
			c.series + `_bucket{le="0.5",model_name="a"} 1` + "\n" + c.series + `_bucket{le="+Inf",model_name="a"} 1` + "\n"
		if got := c.of(read(t, text, c.table)); got != 0.5 {
			t.Errorf("%s is read as %g", c.series, got)
		}
	}
}

// Engines of one server add up; the fullest cache counts; what was dropped or
// refused is no work.
func TestEnginesComeTogether(t *testing.T) {
	m := read(t, `# HELP vllm:num_requests_running x
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0 1712345678
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 5.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 1.0
vllm:request_success_total{engine="0",finished_reason="abort",model_name="m"} 7.0
vllm:request_success_total{engine="0",finished_reason="error",model_name="m"} 9.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.1",model_name="m"} 1
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} 2
vllm:time_to_first_token_seconds_bucket{engine="1",le="0.1",model_name="m"} 3
vllm:time_to_first_token_seconds_bucket{engine="1",le="+Inf",model_name="m"} 6
vllm:time_to_first_token_seconds_sum{engine="1",model_name="m"} 6
`, metrics.VLLM)
	if m.Running != 7 || m.KVUse != 0.75 || m.Finished != 6 || fmt.Sprint(m.FirstToken.Counts) != "[4 8]" || !math.IsNaN(m.OutputTokens) {
		t.Errorf("%+v", m)
	}
}

// Whatever else a server writes, it counts for nothing.
func TestForeignAndBrokenSeries(t *testing.T) {
	m := read(t, "up 1\nvllm:num_requests_running NaN\nvllm:num_requests_waiting -3\nvllm:generation_tokens_total +Inf\n"+
		"vllm:prompt_tokens_total\nvllm:num_preemptions_total{ 1\n<html>\n{} 4\n\xff\xfe\nvllm:kv_cache_usage_perc{model_name=\"a}b\"} 0.5\n"+
		"vllm:time_to_first_token_seconds_bucket{le=\"soon\"} 3\n"+strings.Repeat("x", 1<<20)+" 1\nvllm:num_requests_running 2", metrics.VLLM)
	if m.Running != 2 || m.KVUse != 0.5 || !math.IsNaN(m.Waiting) || !math.IsNaN(m.OutputTokens) || !math.IsNaN(m.PromptTokens) || len(m.FirstToken.Bounds) != 0 {
		t.Errorf("%+v", m)
	}
}

// A million series, and an answer without an end, are read within bounds and not
// kept.
func TestAnEndlessAnswerIsCut(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block := []byte(strings.Repeat(`vllm:time_to_first_token_seconds_bucket{le="1",user="somebody else each time"} 1`+"\n", 1000))
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	m, err := metrics.Get(ctx, s.Client(), s.URL, metrics.VLLM)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err != nil || len(m.FirstToken.Bounds) != 1 {
		t.Errorf("%v %d buckets", err, len(m.FirstToken.Bounds))
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("it keeps %d bytes", grown)
	}
}

func TestARefusalIsAnError(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if _, err := metrics.Get(t.Context(), s.Client(), s.URL, metrics.VLLM); err == nil || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
}

// A reading never panics, and holds only numbers that can be.
func FuzzRead(f *testing.F) {
	f.Add("vllm:num_requests_running{engine=\"0\"} 3\nvllm:time_to_first_token_seconds_bucket{le=\"0.1\"} 1\n")
	f.Add("vllm:kv_cache_usage_perc{le=\"} NaN\n\n{")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := metrics.Read(strings.NewReader(text), metrics.VLLM)
		if err != nil && err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		for _, v := range []float64{m.Running, m.Waiting, m.KVUse, m.OutputTokens, m.Finished} {
			if v < 0 || math.IsInf(v, 0) && v < math.MaxFloat64 {
				t.Fatalf("%q gives %g", text, v)
			}
		}
		m.FirstToken.Quantile(0.95)
	})
}
