package telemetry

import (
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.temporal.io/sdk/client"
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

func sdkMetrics(t *testing.T) (*prometheus.Registry, client.MetricsHandler) {
	t.Helper()
	p := New()
	m, err := p.SDK(quiet())
	if err != nil {
		t.Fatal(err)
	}
	return p.Registry, m
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
	r, m := sdkMetrics(t)
	m = m.WithTags(map[string]string{"namespace": "default"})
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

// A metric is kept with all the labels that it is used with.
func TestSDKMetricsOfOtherShapes(t *testing.T) {
	r, m := sdkMetrics(t)
	tagged := m.WithTags(map[string]string{"a": "b"})
	m.Counter("x").Inc(1)
	for range 2 {
		tagged.Counter("x").Inc(10)
		tagged.Timer("y").Record(time.Second)
		m.Timer("y").Record(time.Second)
	}
	f := family(t, r, "x")
	if got := labelled(f, nil).GetCounter().GetValue(); got != 1 {
		t.Errorf("x without labels is %v, want 1: %v", got, f)
	}
	if got := labelled(f, map[string]string{"a": "b"}).GetCounter().GetValue(); got != 20 {
		t.Errorf("x with a label is %v, want 20: %v", got, f)
	}
	y := family(t, r, "y_seconds")
	for _, labels := range []map[string]string{nil, {"a": "b"}} {
		if got := labelled(y, labels).GetHistogram().GetSampleCount(); got != 2 {
			t.Errorf("y with %v has %d values, want 2", labels, got)
		}
	}
}

func TestSDKMetricsAtTheSameTime(t *testing.T) {
	r, m := sdkMetrics(t)
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
