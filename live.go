package aim

import (
	"math"
	"time"
)

// Reading is what a server counts of its own work, read at one moment. NaN is
// unknown: the server does not tell, or this version of it does not.
type Reading struct {
	At time.Time

	// Gauges.
	Running, Waiting float64 // requests
	KVUse            float64 // share of the KV cache in use, 0 to 1; of several engines the fullest
	HitRate          float64 // share of prompt tokens found in the prefix cache, where told as such

	// Counters since the server's start.
	PromptTokens, OutputTokens float64
	Finished                   float64 // requests that have their whole answer
	PrefixQueries, PrefixHits  float64 // tokens
	Preemptions                float64

	FirstToken, BetweenTokens Histogram // seconds
}

// UnknownReading is that of a server that tells nothing.
func UnknownReading(at time.Time) Reading {
	nan := math.NaN()
	return Reading{
		At: at, Running: nan, Waiting: nan, KVUse: nan, HitRate: nan, PromptTokens: nan, OutputTokens: nan,
		Finished: nan, PrefixQueries: nan, PrefixHits: nan, Preemptions: nan,
	}
}

// WorkedSince tells whether the server has done work since an earlier reading: a
// token read or written, or a request answered. That time passes, that somebody asks
// for metrics or health, and that requests are refused or dropped is none. A counter
// that starts again says nothing.
func (m Reading) WorkedSince(before Reading) bool {
	return m.PromptTokens > before.PromptTokens || m.OutputTokens > before.OutputTokens || m.Finished > before.Finished
}

// Idle tells whether the server says that it has nothing to do.
func (m Reading) Idle() bool { return m.Running == 0 && !(m.Waiting > 0) }

// Live is what a server does now. A nil is unknown.
type Live struct {
	AgeMillis    int64    `json:"age_ms"` // since it was read
	Running      *float64 `json:"running,omitempty"`
	Waiting      *float64 `json:"waiting,omitempty"`
	TokensIn     *float64 `json:"tokens_in_per_s,omitempty"`
	TokensOut    *float64 `json:"tokens_out_per_s,omitempty"`
	KVUse        *float64 `json:"kv_use,omitempty"`      // 0 to 1
	PrefixHits   *float64 `json:"prefix_hits,omitempty"` // share of prompt tokens, 0 to 1
	Preemptions  *float64 `json:"preemptions,omitempty"` // since the server's start
	FirstP50     *float64 `json:"ttft_p50_s,omitempty"`
	FirstP95     *float64 `json:"ttft_p95_s,omitempty"`
	BetweenP50   *float64 `json:"itl_p50_s,omitempty"`
	BetweenP95   *float64 `json:"itl_p95_s,omitempty"`
	FinishedRate *float64 `json:"requests_per_s,omitempty"`
}

// Since is what the server does, by two readings: rates and quantiles are of what
// lies between them, gauges are the later's. A rate over a restart is unknown.
func (m Reading) Since(before Reading) Live {
	span := m.At.Sub(before.At).Seconds()
	rate := func(now, then float64) *float64 {
		if span <= 0 || now < then {
			return nil
		}
		return known((now - then) / span)
	}
	l := Live{
		Running: known(m.Running), Waiting: known(m.Waiting), KVUse: known(m.KVUse), Preemptions: known(m.Preemptions),
		TokensIn: rate(m.PromptTokens, before.PromptTokens), TokensOut: rate(m.OutputTokens, before.OutputTokens),
		FinishedRate: rate(m.Finished, before.Finished), PrefixHits: known(m.HitRate),
	}
	if asked := m.PrefixQueries - before.PrefixQueries; asked > 0 && m.PrefixHits >= before.PrefixHits {
		l.PrefixHits = known((m.PrefixHits - before.PrefixHits) / asked)
	}
	first, between := m.FirstToken.minus(before.FirstToken), m.BetweenTokens.minus(before.BetweenTokens)
	l.FirstP50, l.FirstP95 = first.Quantile(0.5), first.Quantile(0.95)
	l.BetweenP50, l.BetweenP95 = between.Quantile(0.5), between.Quantile(0.95)
	return l
}

// known is nil for what is not a number.
func known(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// Histogram is a cumulative one, as Prometheus has them: Counts[i] is how many
// observations were at most Bounds[i]. Bounds ascend; the last is +Inf.
type Histogram struct {
	Bounds, Counts []float64
}

// minus is what was observed since; the whole where the buckets are others or the
// counts have started again.
func (h Histogram) minus(before Histogram) Histogram {
	if len(h.Bounds) != len(before.Bounds) {
		return h
	}
	counts := make([]float64, len(h.Counts))
	for i := range counts {
		if counts[i] = h.Counts[i] - before.Counts[i]; h.Bounds[i] != before.Bounds[i] || counts[i] < 0 {
			return h
		}
	}
	return Histogram{h.Bounds, counts}
}

// Quantile is linear within its bucket, and the highest finite bound for what lies
// beyond; nil where nothing was observed.
func (h Histogram) Quantile(q float64) *float64 {
	n := len(h.Counts)
	if n == 0 || !(h.Counts[n-1] > 0) {
		return nil
	}
	rank := q * h.Counts[n-1]
	for i, count := range h.Counts {
		if count < rank {
			continue
		}
		var low, below float64
		if i > 0 {
			low, below = h.Bounds[i-1], h.Counts[i-1]
		}
		if math.IsInf(h.Bounds[i], 1) {
			return known(low)
		}
		return known(low + (h.Bounds[i]-low)*(rank-below)/(count-below))
	}
	return nil
}

// LiveGPU is what one GPU does now; a nil is unknown.
type LiveGPU struct {
	Busy      *float64 `json:"busy,omitempty"`            // share of the time with work on it, 0 to 1
	PowerW    *float64 `json:"power_w,omitempty"`         // of the package
	VRAMBytes *float64 `json:"vram_used_bytes,omitempty"` // of the physical GPU
	JunctionC *float64 `json:"junction_c,omitempty"`      // °C
	ClockMHz  *float64 `json:"clock_mhz,omitempty"`       // of the shader engines
}

// LiveNode is what the servers and GPUs of a node do now, by server name and GPU
// id. It is for people, gateways and autoscalers; placement never reads it.
type LiveNode struct {
	Servers map[string]Live    `json:"servers"`
	GPUs    map[string]LiveGPU `json:"gpus"`
}
