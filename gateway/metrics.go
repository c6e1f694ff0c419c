package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/internal/store"
)

// metrics by the conventions of Prometheus. Labels are names of deployments and
// status codes, never what a client has written.
type metrics struct {
	requests  *prometheus.CounterVec
	refusals  *prometheus.CounterVec
	retries   *prometheus.CounterVec
	broken    *prometheus.CounterVec
	tokens    *prometheus.CounterVec
	cached    *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	firstByte *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer, g *Gateway) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aim_gateway_" + name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aim_gateway_" + name, Help: help,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}}, []string{"deployment"})
	}
	m := &metrics{
		requests:  counter("requests_total", "Requests that a server has answered.", "deployment", "code"),
		refusals:  counter("refused_total", "Requests that the gateway itself has answered.", "code"),
		retries:   counter("retries_total", "Tries after the first, by what became of the one before.", "deployment", "after"),
		broken:    counter("broken_streams_total", "Streams whose server stopped in the middle.", "deployment"),
		tokens:    counter("tokens_total", "Tokens, as servers count them.", "deployment", "kind"),
		cached:    counter("expected_cached_tokens_total", "Prompt tokens that the chosen replica was expected to have cached.", "deployment"),
		seconds:   histogram("request_seconds", "From a request to the end of its answer."),
		firstByte: histogram("time_to_first_token_seconds", "From a request to the first event of its stream."),
	}
	if r != nil {
		r.MustRegister(m.requests, m.refusals, m.retries, m.broken, m.tokens, m.cached, m.seconds, m.firstByte, loads{g})
	}
	return m
}

func (m *metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }

var outcomes = map[route.Outcome]string{
	route.Answered: "answered", route.Busy: "busy", route.Failed: "failed", route.Broken: "broken", route.Left: "left",
}

func (m *metrics) retried(deployment string, after route.Outcome) {
	m.retries.WithLabelValues(deployment, outcomes[after]).Inc()
}

func (m *metrics) broke(deployment string) { m.broken.WithLabelValues(deployment).Inc() }

func (m *metrics) firstToken(deployment string, began time.Time) {
	m.firstByte.WithLabelValues(deployment).Observe(time.Since(began).Seconds())
}

func (m *metrics) answered(deployment string, lease *route.Lease, status int, u store.Usage, took time.Duration) {
	m.requests.WithLabelValues(deployment, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(deployment).Observe(took.Seconds())
	m.tokens.WithLabelValues(deployment, "prompt").Add(float64(u.Prompt))
	m.tokens.WithLabelValues(deployment, "completion").Add(float64(u.Completion))
	m.cached.WithLabelValues(deployment).Add(float64(lease.Hit))
}

// forget drops the series of a deployment that has ended.
func (m *metrics) forget(deployment string) {
	match := prometheus.Labels{"deployment": deployment}
	for _, v := range []*prometheus.CounterVec{m.requests, m.retries, m.broken, m.tokens, m.cached} {
		v.DeletePartialMatch(match)
	}
	m.seconds.DeletePartialMatch(match)
	m.firstByte.DeletePartialMatch(match)
}

// loads collects the load of the pools when it is scraped.
type loads struct{ g *Gateway }

var (
	outstandingDesc = prometheus.NewDesc("aim_gateway_outstanding_requests", "Requests at servers.", []string{"deployment"}, nil)
	waitingDesc     = prometheus.NewDesc("aim_gateway_waiting_requests", "Requests that wait for a replica.", []string{"deployment"}, nil)
	pendingDesc     = prometheus.NewDesc("aim_gateway_pending_prefill_tokens", "Prompt tokens at servers without a first token yet.", []string{"deployment"}, nil)
	replicasDesc    = prometheus.NewDesc("aim_gateway_healthy_replicas", "Replicas that may be chosen.", []string{"deployment"}, nil)
)

func (l loads) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{outstandingDesc, waitingDesc, pendingDesc, replicasDesc} {
		ch <- d
	}
}

func (l loads) Collect(ch chan<- prometheus.Metric) {
	for name, load := range l.g.Loads() {
		for d, v := range map[*prometheus.Desc]int64{
			outstandingDesc: int64(load.Outstanding), waitingDesc: int64(load.Waiting), pendingDesc: load.Pending, replicasDesc: int64(load.Replicas),
		} {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), name)
		}
	}
}
