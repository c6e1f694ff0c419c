package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// stepBuckets reach from an answer in memory to a model that loads for hours,
// in seconds.
var stepBuckets = []float64{.005, .02, .1, .5, 2, 10, 60, 300, 1800, 7200}

// monitor is a process's metrics and health, served over HTTP.
type monitor struct {
	registry *prometheus.Registry
	steps    *prometheus.HistogramVec
	places   *prometheus.HistogramVec
	ready    chan struct{} // closed when the process takes work
	listener net.Listener  // nil = nothing is served
}

func newMonitor() *monitor {
	m := &monitor{
		registry: prometheus.NewRegistry(),
		ready:    make(chan struct{}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aim_step_duration_seconds", Help: "Duration of activities by type and failure class; class \"\" is success.",
			Buckets: stepBuckets,
		}, []string{"step", "class"}),
		places: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aim_placement_duration_seconds", Help: "Time from the question for a place to its answer, the wait for a turn included, by outcome.",
			Buckets: stepBuckets,
		}, []string{"outcome"}),
	}
	m.registry.MustRegister(m.steps, m.places, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// listen takes the address, before the process takes any work: one that nobody
// can look after is not to begin. "" takes none.
func (m *monitor) listen(address string) error {
	if address == "" {
		return nil
	}
	var err error
	m.listener, err = net.Listen("tcp", address)
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err // without the address, which is told already
	}
	if err != nil {
		return aim.Failf(aim.ClassPort, "serve metrics on %s: %v", address, err).WithHint("choose another address with --metrics")
	}
	return nil
}

// serve answers /metrics, /healthz and /readyz until ctx ends.
func (m *monitor) serve(ctx context.Context, log *slog.Logger) error {
	if m.listener == nil {
		<-ctx.Done()
		return nil
	}
	log.Info("serving metrics", "url", "http://"+m.listener.Addr().String()+"/metrics")
	server := &http.Server{Handler: m.handler(), ReadHeaderTimeout: 5 * time.Second}
	var closing sync.WaitGroup
	defer closing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closing.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	if err := server.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (m *monitor) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-m.ready:
			fmt.Fprintln(w, "ok")
		default:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	})
	return mux
}

// Interceptor times every activity.
func (m *monitor) interceptor() interceptor.WorkerInterceptor { return &timing{monitor: m} }

type timing struct {
	interceptor.WorkerInterceptorBase
	monitor *monitor
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (t *timing) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &timedActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, monitor: t.monitor}
}

type timedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	monitor *monitor
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (t *timedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	started := time.Now()
	out, err := t.Next.ExecuteActivity(ctx, in)
	t.monitor.steps.WithLabelValues(stepName(ctx), classOf(err)).Observe(time.Since(started).Seconds())
	if answer, ok := out.(activities.PlaceResult); ok && err == nil {
		// From when the workflow asked, by the server's clock, which may be ahead of ours.
		waited := max(time.Since(activity.GetInfo(ctx).ScheduledTime), 0)
		t.monitor.places.WithLabelValues(string(answer.Outcome)).Observe(waited.Seconds())
	}
	return out, err
}

func classOf(err error) string {
	if err == nil {
		return ""
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return app.Type()
	}
	if errors.Is(err, context.Canceled) {
		return "cancelled"
	}
	return "internal"
}

// stepName is the activity's type.
func stepName(ctx context.Context) string { return activity.GetInfo(ctx).ActivityType.Name }
