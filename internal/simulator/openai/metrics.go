package openai

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bucket bounds as vLLM has them.
var (
	ttftBuckets      = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	tokenTimeBuckets = []float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
	requestBuckets   = []float64{.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
	iterationBuckets = []float64{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}
	countBuckets     = []float64{1, 2, 5, 10, 20}
)

// metrics are the series that a vLLM server always has. Names and labels are
// vLLM's; what a simulated server cannot know stays 0.
type metrics struct {
	registry *prometheus.Registry

	running, waiting       prometheus.Gauge
	kvTokens               atomic.Int64 // in use
	promptTokens, computed prometheus.Counter
	queries, generated     prometheus.Counter
	ended                  map[string]prometheus.Counter // by finished_reason

	ttft, interToken, perToken, endToEnd, queue, inference, prefill, decode prometheus.Histogram
	promptLength, answerLength, longestAnswer, askedLength, askedAnswers    prometheus.Histogram
	computedLength, iteration                                               prometheus.Histogram
}

// newMetrics registers the series; with NoStats there are none, as in vLLM.
func newMetrics(c Config) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	var register prometheus.Registerer = prometheus.NewRegistry() // nobody gathers it
	if !c.NoStats {
		register = m.registry
	}
	engine := prometheus.WrapRegistererWith(prometheus.Labels{"engine": "0"}, register)
	f := factory{prometheus.WrapRegistererWith(prometheus.Labels{"model_name": c.Names[0]}, engine)}

	m.running = f.gauge("num_requests_running", nil)
	m.waiting = f.gauge("num_requests_waiting", nil)
	f.register.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "vllm:kv_cache_usage_perc", Help: help},
		func() float64 { return float64(m.kvTokens.Load()) / float64(max(c.KVTokens, 1)) },
	))
	m.promptTokens = f.counter("prompt_tokens_total", nil)
	m.computed = f.counter("prompt_tokens_by_source_total", prometheus.Labels{"source": "local_compute"})
	m.generated = f.counter("generation_tokens_total", nil)
	m.queries = f.counter("prefix_cache_queries_total", nil)
	m.ended = map[string]prometheus.Counter{}
	for _, reason := range []string{"stop", "length", "abort", "error", "repetition"} {
		m.ended[reason] = f.counter("request_success_total", prometheus.Labels{"finished_reason": reason})
	}
	f.constants()
	m.times(f)
	m.lengths(f, c.MaxModelLen)

	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "vllm:cache_config_info", Help: help, ConstLabels: c.Cache})
	info.Set(1)
	engine.MustRegister(info)
	return m
}

func (m *metrics) times(f factory) {
	m.ttft = f.histogram("time_to_first_token_seconds", ttftBuckets)
	m.interToken = f.histogram("inter_token_latency_seconds", tokenTimeBuckets)
	m.perToken = f.histogram("request_time_per_output_token_seconds", tokenTimeBuckets)
	m.endToEnd = f.histogram("e2e_request_latency_seconds", requestBuckets)
	m.queue = f.histogram("request_queue_time_seconds", requestBuckets)
	m.inference = f.histogram("request_inference_time_seconds", requestBuckets)
	m.prefill = f.histogram("request_prefill_time_seconds", requestBuckets)
	m.decode = f.histogram("request_decode_time_seconds", requestBuckets)
}

func (m *metrics) lengths(f factory, longest int) {
	tokens := lengthBuckets(longest)
	m.promptLength = f.histogram("request_prompt_tokens", tokens)
	m.answerLength = f.histogram("request_generation_tokens", tokens)
	m.longestAnswer = f.histogram("request_max_num_generation_tokens", tokens)
	m.askedLength = f.histogram("request_params_max_tokens", tokens)
	m.computedLength = f.histogram("request_prefill_kv_computed_tokens", tokens)
	m.askedAnswers = f.histogram("request_params_n", countBuckets)
	m.iteration = f.histogram("iteration_tokens_total", iterationBuckets)
}

// finished counts a request that has its whole answer. first is when its first
// token was out.
func (m *metrics) finished(g *generation, first time.Time) {
	now := time.Now()
	decode := now.Sub(first).Seconds()
	m.ttft.Observe(first.Sub(g.arrived).Seconds())
	m.endToEnd.Observe(now.Sub(g.arrived).Seconds())
	m.queue.Observe(g.admitted.Sub(g.arrived).Seconds())
	m.inference.Observe(now.Sub(g.admitted).Seconds())
	m.prefill.Observe(first.Sub(g.admitted).Seconds())
	m.decode.Observe(decode)
	if g.tokens > 1 {
		m.perToken.Observe(decode / float64(g.tokens-1))
		for range g.tokens - 1 {
			m.interToken.Observe(decode / float64(g.tokens-1))
		}
	}
	prompt, answer := float64(g.prompt.tokens), float64(g.tokens)
	m.ended[g.reason].Inc()
	m.promptLength.Observe(prompt)
	m.answerLength.Observe(answer)
	m.longestAnswer.Observe(answer)
	m.computedLength.Observe(prompt)
	m.iteration.Observe(prompt + answer)
	m.askedAnswers.Observe(1)
	if g.asked > 0 {
		m.askedLength.Observe(float64(g.asked))
	}
}

// token counts the i-th token of an answer, and the prompt with the first: vLLM
// counts as it goes, not when a request is done.
func (m *metrics) token(g *generation, i int) {
	if i == 0 {
		prompt := float64(g.prompt.tokens)
		m.promptTokens.Add(prompt)
		m.computed.Add(prompt)
		m.queries.Add(prompt)
	}
	m.generated.Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// help is the description of every series: none of them measures anything.
const help = "Simulated."

// factory makes series with the prefix and the common labels.
type factory struct{ register prometheus.Registerer }

func (f factory) gauge(name string, labels prometheus.Labels) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "vllm:" + name, Help: help, ConstLabels: labels})
	f.register.MustRegister(g)
	return g
}

func (f factory) counter(name string, labels prometheus.Labels) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "vllm:" + name, Help: help, ConstLabels: labels})
	f.register.MustRegister(c)
	return c
}

func (f factory) histogram(name string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "vllm:" + name, Help: help, Buckets: buckets})
	f.register.MustRegister(h)
	return h
}

// constants are the series that never move here.
func (f factory) constants() {
	for _, reason := range []string{"capacity", "deferred"} {
		f.gauge("num_requests_waiting_by_reason", prometheus.Labels{"reason": reason})
	}
	f.gauge("engine_sleep_state", prometheus.Labels{"sleep_state": "awake"}).Set(1)
	for _, state := range []string{"weights_offloaded", "discard_all"} {
		f.gauge("engine_sleep_state", prometheus.Labels{"sleep_state": state})
	}
	for _, source := range []string{"local_cache_hit", "external_kv_transfer"} {
		f.counter("prompt_tokens_by_source_total", prometheus.Labels{"source": source})
	}
	for _, name := range []string{
		"num_preemptions_total", "prompt_tokens_cached_total", "prefix_cache_hits_total",
		"external_prefix_cache_queries_total", "external_prefix_cache_hits_total",
		"mm_cache_queries_total", "mm_cache_hits_total",
	} {
		f.counter(name, nil)
	}
}

// lengthBuckets is the 1-2-5 series up to the longest request.
func lengthBuckets(longest int) []float64 {
	var bounds []float64
	for ten := 1; ten <= longest; ten *= 10 {
		for _, step := range []int{1, 2, 5} {
			if ten*step <= longest {
				bounds = append(bounds, float64(ten*step))
			}
		}
	}
	return bounds
}
