package metrics

import "github.com/aim-engine/aim"

// Table says which series of a server are which quantity. A series has had several
// names; those of one quantity stand together, and one server has one of them.
type Table map[string]series

// series is one quantity: where its samples go, and how those of several engines
// of one server come together.
type series struct {
	into func(*aim.Reading) *float64
	join func(sum, one float64) float64
	// only takes samples with one of these values of a label; nil takes all.
	label string
	only  []string
	// buckets is set for a histogram, instead of into.
	buckets func(*aim.Reading) *aim.Histogram
}

func sum(a, b float64) float64     { return a + b }
func fullest(a, b float64) float64 { return max(a, b) }

func add(into func(*aim.Reading) *float64) series { return series{into: into, join: sum} }
func most(into func(*aim.Reading) *float64) series {
	return series{into: into, join: fullest}
}
func histogram(of func(*aim.Reading) *aim.Histogram) series { return series{buckets: of} }

func running(m *aim.Reading) *float64          { return &m.Running }
func waiting(m *aim.Reading) *float64          { return &m.Waiting }
func kvUse(m *aim.Reading) *float64            { return &m.KVUse }
func hitRate(m *aim.Reading) *float64          { return &m.HitRate }
func promptTokens(m *aim.Reading) *float64     { return &m.PromptTokens }
func outputTokens(m *aim.Reading) *float64     { return &m.OutputTokens }
func finished(m *aim.Reading) *float64         { return &m.Finished }
func prefixQueries(m *aim.Reading) *float64    { return &m.PrefixQueries }
func prefixHits(m *aim.Reading) *float64       { return &m.PrefixHits }
func preemptions(m *aim.Reading) *float64      { return &m.Preemptions }
func firstToken(m *aim.Reading) *aim.Histogram { return &m.FirstToken }
func betweenTokens(m *aim.Reading) *aim.Histogram {
	return &m.BetweenTokens
}

// VLLM: names of v0.9 to main of July 2026 (vllm/v1/metrics). The older of two
// names follows the newer. A request that was aborted or failed is no work done.
var VLLM = Table{
	"vllm:num_requests_running":          add(running),
	"vllm:num_requests_waiting":          add(waiting),
	"vllm:kv_cache_usage_perc":           most(kvUse),
	"vllm:gpu_cache_usage_perc":          most(kvUse),
	"vllm:prompt_tokens_total":           add(promptTokens),
	"vllm:generation_tokens_total":       add(outputTokens),
	"vllm:request_success_total":         {into: finished, join: sum, label: "finished_reason", only: []string{"stop", "length", "repetition"}},
	"vllm:prefix_cache_queries_total":    add(prefixQueries),
	"vllm:gpu_prefix_cache_queries":      add(prefixQueries),
	"vllm:prefix_cache_hits_total":       add(prefixHits),
	"vllm:gpu_prefix_cache_hits":         add(prefixHits),
	"vllm:num_preemptions_total":         add(preemptions),
	"vllm:time_to_first_token_seconds":   histogram(firstToken),
	"vllm:inter_token_latency_seconds":   histogram(betweenTokens),
	"vllm:time_per_output_token_seconds": histogram(betweenTokens),
}

// SGLang: sglang/srt/metrics/collector.py; only with --enable-metrics.
var SGLang = Table{
	"sglang:num_running_reqs":              add(running),
	"sglang:num_queue_reqs":                add(waiting),
	"sglang:token_usage":                   most(kvUse),
	"sglang:cache_hit_rate":                most(hitRate),
	"sglang:prompt_tokens_total":           add(promptTokens),
	"sglang:generation_tokens_total":       add(outputTokens),
	"sglang:num_requests_total":            add(finished),
	"sglang:num_retractions_total":         add(preemptions),
	"sglang:time_to_first_token_seconds":   histogram(firstToken),
	"sglang:inter_token_latency_seconds":   histogram(betweenTokens),
	"sglang:time_per_output_token_seconds": histogram(betweenTokens),
}

// TGI: its metrics reference. It counts tokens when a request is done.
var TGI = Table{
	"tgi_batch_current_size":                   add(running),
	"tgi_queue_size":                           add(waiting),
	"tgi_request_input_length_sum":             add(promptTokens),
	"tgi_request_generated_tokens_sum":         add(outputTokens),
	"tgi_request_success":                      add(finished),
	"tgi_request_mean_time_per_token_duration": histogram(betweenTokens),
}
