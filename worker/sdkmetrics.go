package worker

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// sdkMetrics hands the Temporal SDK's own metrics to Prometheus under their
// names with the prefix "temporal_" that the SDK gives them. A metric keeps the
// labels that it was first used with; Prometheus allows one set a name, so
// values with other labels are dropped.
type sdkMetrics struct {
	shared *sdkShared
	tags   map[string]string
}

type sdkShared struct {
	registry prometheus.Registerer
	mu       sync.Mutex
	vectors  map[string]any // by metric name and label names
}

func newSDKMetrics(r prometheus.Registerer) client.MetricsHandler {
	return sdkMetrics{shared: &sdkShared{registry: r, vectors: map[string]any{}}}
}

// WithTags implements client.MetricsHandler.
func (m sdkMetrics) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(m.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	return sdkMetrics{shared: m.shared, tags: all}
}

// Counter implements client.MetricsHandler.
func (m sdkMetrics) Counter(name string) client.MetricsCounter {
	v := vector(m, name, func(labels []string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricName(name), Help: "Temporal SDK counter."}, labels)
	})
	return counterFunc(func(d int64) {
		if v != nil {
			v.With(m.tags).Add(float64(d))
		}
	})
}

// Gauge implements client.MetricsHandler.
func (m sdkMetrics) Gauge(name string) client.MetricsGauge {
	v := vector(m, name, func(labels []string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: metricName(name), Help: "Temporal SDK gauge."}, labels)
	})
	return gaugeFunc(func(f float64) {
		if v != nil {
			v.With(m.tags).Set(f)
		}
	})
}

// Timer implements client.MetricsHandler.
func (m sdkMetrics) Timer(name string) client.MetricsTimer {
	v := vector(m, name, func(labels []string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: metricName(name) + "_seconds", Help: "Temporal SDK timer.", Buckets: stepBuckets}, labels)
	})
	return timerFunc(func(d time.Duration) {
		if v != nil {
			v.With(m.tags).Observe(d.Seconds())
		}
	})
}

type (
	counterFunc func(int64)
	gaugeFunc   func(float64)
	timerFunc   func(time.Duration)
)

func (f counterFunc) Inc(d int64)          { f(d) }
func (f gaugeFunc) Update(v float64)       { f(v) }
func (f timerFunc) Record(d time.Duration) { f(d) }
func metricName(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "-", "_"), ".", "_")
}
func labelNames(t map[string]string) []string { return slices.Sorted(maps.Keys(t)) }

// vector finds or registers the collector for a name and its labels; nil where
// the registry refuses it.
func vector[V prometheus.Collector](m sdkMetrics, name string, build func(labels []string) V) (v V) {
	labels := labelNames(m.tags)
	key := name + "|" + strings.Join(labels, ",")
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if known, ok := m.shared.vectors[key]; ok {
		v, _ = known.(V)
		return v
	}
	fresh := build(labels)
	if m.shared.registry.Register(fresh) != nil {
		m.shared.vectors[key] = nil
		return v
	}
	m.shared.vectors[key] = fresh
	return fresh
}
