package e2e

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/aim-engine/aim/internal/e2e/stack"
)

// metricsAddress is where a process of the stack was told to serve its metrics.
func metricsAddress(t *testing.T, s *stack.Stack, process string) string {
	t.Helper()
	p, err := s.Find(process)
	must(t, err)
	i := slices.Index(p.Args, "--metrics")
	if i < 0 || i+1 == len(p.Args) {
		t.Fatalf("%s was started without --metrics: %v", process, p.Args)
	}
	return p.Args[i+1]
}

// families are the metrics of one scrape, by name.
type families map[string]*dto.MetricFamily

type labels map[string]string

func scrape(t *testing.T, ctx context.Context, address string) families {
	t.Helper()
	answer := fetch(t, ctx, "http://"+address+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(strings.NewReader(answer.body))
	must(t, err)
	return found
}

type page struct {
	code int
	body string
}

func fetch(t *testing.T, ctx context.Context, url string) page {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(req)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return page{answer.StatusCode, string(body)}
}

// matching are the metrics of a family that carry all these labels.
func matching(f families, name string, want labels) []*dto.Metric {
	var found []*dto.Metric
	for _, m := range f[name].GetMetric() {
		have := labelsOf(m)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(want)), func(l string) bool { return have[l] != want[l] }) {
			found = append(found, m)
		}
	}
	return found
}

func labelsOf(m *dto.Metric) labels {
	l := labels{}
	for _, pair := range m.GetLabel() {
		l[pair.GetName()] = pair.GetValue()
	}
	return l
}

// sum adds up values; of histograms, their sums.
func sum(f families, name string, want labels) float64 {
	total := 0.0
	for _, m := range matching(f, name, want) {
		total += m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
	}
	return total
}

// count adds up how often something was observed.
func count(f families, name string, want labels) uint64 {
	var n uint64
	for _, m := range matching(f, name, want) {
		n += m.GetHistogram().GetSampleCount()
	}
	return n
}
