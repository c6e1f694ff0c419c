package telemetry

import (
	"fmt"
	"log/slog"

	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// SDK hands the Temporal SDK's own metrics to Prometheus, under the
// names and with whatever labels the SDK gives them; timers are histograms in
// seconds. What a metric cannot take is told and dropped: no metric is worth an
// activity.
func (p *Process) SDK(log *slog.Logger) (client.MetricsHandler, error) {
	//lint:ignore SA1019 no translation strategy leaves out "_total" and keeps the units
	suffixes := otelprometheus.WithoutCounterSuffixes()
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(p.Registry), suffixes,
		otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the metrics of Temporal's SDK: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(metric.NewView(
		metric.Instrument{Kind: metric.InstrumentKindHistogram},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: stepBuckets}},
	)))
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                provider.Meter("temporal-sdk"),
		UseMonotonicCounters: true,
		OnError:              func(err error) { log.Debug("a metric of Temporal's SDK is dropped", "error", err) },
	}), nil
}
