package openai_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/aim-engine/aim/internal/simulator/openai"
)

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, url string) map[string]*dto.MetricFamily {
	t.Helper()
	r, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// metric is the value of a gauge or counter that has one series.
func metric(t *testing.T, url, name string) float64 {
	t.Helper()
	family := scrape(t, url)[name]
	if family == nil || len(family.Metric) != 1 {
		t.Fatalf("%s is not there once: %v", name, family)
	}
	return family.Metric[0].GetGauge().GetValue() + family.Metric[0].GetCounter().GetValue()
}

// known is one line of vllm-metrics.txt.
type known struct{ kind, labels, when string }

func vllmMetrics(t *testing.T) map[string]known {
	t.Helper()
	text, err := os.ReadFile("testdata/vllm-metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]known{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, "\t"); strings.HasPrefix(line, "vllm:") && len(f) >= 5 {
			all[f[0]] = known{kind: f[1], labels: f[2], when: f[3]}
		}
	}
	return all
}

func TestMetricsHaveVLLMsNamesTypesAndLabels(t *testing.T) {
	_, url := serve(t, config())
	post(t, url+"/v1/completions", `{"prompt":"one two","max_tokens":5}`)
	families, list := scrape(t, url), vllmMetrics(t)
	for name, family := range families {
		want, ok := list[name]
		if !ok {
			t.Errorf("vLLM has no %s", name)
			continue
		}
		if got := strings.ToLower(family.GetType().String()); got != want.kind {
			t.Errorf("%s is a %s, in vLLM a %s", name, got, want.kind)
		}
		for _, label := range family.Metric[0].Label {
			if !strings.Contains(want.labels, label.GetName()) {
				t.Errorf("%s has the label %s, in vLLM %s", name, label.GetName(), want.labels)
			}
		}
	}
	for name, want := range list {
		if _, ok := families[name]; !ok && strings.HasPrefix(want.when, "always") {
			t.Errorf("%s is always there in vLLM, not here", name)
		}
	}
}

func TestMetricsCountWhatWasServed(t *testing.T) {
	_, url := serve(t, config())
	post(t, url+"/v1/completions", `{"prompt":"one two","max_tokens":5}`)
	post(t, url+"/v1/completions", `{"prompt":"three","max_tokens":50}`)
	for name, want := range map[string]float64{
		"vllm:prompt_tokens_total":        3,
		"vllm:generation_tokens_total":    5 + 24,
		"vllm:prefix_cache_queries_total": 3,
		"vllm:num_requests_running":       0,
		"vllm:kv_cache_usage_perc":        0,
		"vllm:cache_config_info":          1,
		"vllm:num_preemptions_total":      0,
	} {
		if got := metric(t, url, name); got != want {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	families := scrape(t, url)
	for _, series := range families["vllm:request_success_total"].Metric {
		want := map[string]float64{"length": 1, "stop": 1}
		for _, label := range series.Label {
			if label.GetName() == "finished_reason" && series.GetCounter().GetValue() != want[label.GetValue()] {
				t.Errorf("%s: %g", label.GetValue(), series.GetCounter().GetValue())
			}
		}
	}
	for name, want := range map[string]uint64{
		"vllm:time_to_first_token_seconds": 2,
		"vllm:e2e_request_latency_seconds": 2,
		"vllm:inter_token_latency_seconds": 4 + 23,
		"vllm:request_params_max_tokens":   2,
		"vllm:request_prompt_tokens":       2,
	} {
		if got := families[name].Metric[0].GetHistogram().GetSampleCount(); got != want {
			t.Errorf("%s has %d samples, want %d", name, got, want)
		}
	}
}

func TestNoStatsMeansNoEngineMetrics(t *testing.T) {
	c := config()
	c.NoStats = true
	_, url := serve(t, c)
	post(t, url+"/v1/completions", `{"prompt":"a"}`)
	for name := range scrape(t, url) {
		if strings.HasPrefix(name, "vllm:") {
			t.Errorf("%s is there", name)
		}
	}
}

var _ http.Handler = (*openai.Server)(nil)
