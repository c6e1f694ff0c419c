package worker

import (
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// family returns the one family of this name, or nil.
func family(t *testing.T, r prometheus.Gatherer, name string) *dto.MetricFamily {
	t.Helper()
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}

// labelled finds the metric with these labels, and no others.
func labelled(f *dto.MetricFamily, labels map[string]string) *dto.Metric {
	for _, m := range f.GetMetric() {
		same := len(m.GetLabel()) == len(labels)
		for _, l := range m.GetLabel() {
			same = same && labels[l.GetName()] == l.GetValue()
		}
		if same {
			return m
		}
	}
	return nil
}

func TestSDKMetricsReachPrometheus(t *testing.T) {
	r := prometheus.NewRegistry()
	m := newSDKMetrics(r).WithTags(map[string]string{"namespace": "default"})
	poll := m.WithTags(map[string]string{"poller_type": "activity"})
	m.Counter("temporal_request").Inc(2)
	m.Counter("temporal_request").Inc(3)
	poll.Gauge("temporal_num-pollers").Update(4)
	poll.Gauge("temporal_num-pollers").Update(5)
	poll.Timer("temporal.latency").Record(1500 * time.Millisecond)
	poll.WithTags(map[string]string{"poller_type": "workflow"}).Gauge("temporal_num-pollers").Update(7)

	ns, activity := map[string]string{"namespace": "default"}, map[string]string{"namespace": "default", "poller_type": "activity"}
	if got := labelled(family(t, r, "temporal_request"), ns).GetCounter().GetValue(); got != 5 {
		t.Errorf("the counter is %v, want 5", got)
	}
	pollers := family(t, r, "temporal_num_pollers")
	if got := labelled(pollers, activity).GetGauge().GetValue(); got != 5 {
		t.Errorf("the gauge is %v, want 5", got)
	}
	if got := labelled(pollers, map[string]string{"namespace": "default", "poller_type": "workflow"}).GetGauge().GetValue(); got != 7 {
		t.Errorf("the other gauge is %v, want 7", got)
	}
	h := labelled(family(t, r, "temporal_latency_seconds"), activity).GetHistogram()
	if h.GetSampleCount() != 1 || h.GetSampleSum() != 1.5 {
		t.Errorf("the timer has %d values, %v s in all; want 1, 1.5 s", h.GetSampleCount(), h.GetSampleSum())
	}
}

// Prometheus takes one set of labels and one kind a name: the first one stays,
// and others harm nobody.
func TestSDKMetricsOfAnotherShapeAreDropped(t *testing.T) {
	r := prometheus.NewRegistry()
	m := newSDKMetrics(r)
	m.Counter("x").Inc(1)
	for range 2 {
		m.WithTags(map[string]string{"a": "b"}).Counter("x").Inc(10)
		m.Gauge("x").Update(10)
		m.WithTags(map[string]string{"a": "b"}).Gauge("x").Update(10)
		m.WithTags(map[string]string{"a": "b"}).Timer("y").Record(time.Second)
		m.Timer("y").Record(time.Second)
	}
	f := family(t, r, "x")
	if f.GetType() != dto.MetricType_COUNTER || len(f.GetMetric()) != 1 || f.GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("x is %v", f)
	}
	if y := family(t, r, "y_seconds"); len(y.GetMetric()) != 1 || y.GetMetric()[0].GetHistogram().GetSampleCount() != 2 {
		t.Errorf("y is %v", y)
	}
}

func TestSDKMetricsAtTheSameTime(t *testing.T) {
	r := prometheus.NewRegistry()
	m := newSDKMetrics(r)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				m.WithTags(map[string]string{"a": "b"}).Counter("x").Inc(1)
			}
		})
	}
	wg.Wait()
	if got := family(t, r, "x").GetMetric()[0].GetCounter().GetValue(); got != 800 {
		t.Errorf("the counter is %v, want 800", got)
	}
}
