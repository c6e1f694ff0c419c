package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aim-engine/aim"
)

// Process is a process's metrics and health, served over HTTP.
type Process struct {
	// Registry is where all metrics of the process are.
	Registry *prometheus.Registry

	steps    *prometheus.HistogramVec
	places   *prometheus.HistogramVec
	ready    chan struct{} // closed when the process takes work
	listener net.Listener  // nil = nothing is served
	more     map[string]http.Handler
}

// New makes the metrics of a process that serves nothing yet.
func New() *Process {
	p := &Process{
		Registry: prometheus.NewRegistry(),
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
	p.Registry.MustRegister(p.steps, p.places, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return p
}

// Handle has Serve answer one more pattern. It is called before Serve.
func (p *Process) Handle(pattern string, h http.Handler) {
	if p.more == nil {
		p.more = map[string]http.Handler{}
	}
	p.more[pattern] = h
}

// SetReady tells that the process takes work; it is called once.
func (p *Process) SetReady() { close(p.ready) }

// Ready is closed when the process takes work.
func (p *Process) Ready() <-chan struct{} { return p.ready }

// Listen takes the address, before the process takes any work: one that nobody
// can look after is not to begin. "" takes none.
func (p *Process) Listen(address string) error {
	if address == "" {
		return nil
	}
	var err error
	p.listener, err = net.Listen("tcp", address)
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err // without the address, which is told already
	}
	if err != nil {
		return aim.Failf(aim.ClassPort, "serve metrics on %s: %v", address, err).WithHint("choose another address with --metrics")
	}
	return nil
}

// Address is where others ask for the metrics: host is that of this machine, for a
// process that listens on all of its addresses. "" = nothing is served.
func (p *Process) Address(host string) string {
	if p.listener == nil {
		return ""
	}
	at, ok := p.listener.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	if !at.IP.IsUnspecified() {
		host = at.IP.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(at.Port))
}

// Serve answers /metrics, /healthz and /readyz until ctx ends.
func (p *Process) Serve(ctx context.Context, log *slog.Logger) error {
	if p.listener == nil {
		<-ctx.Done()
		return nil
	}
	log.Info("serving metrics", "url", "http://"+p.listener.Addr().String()+"/metrics")
	server := &http.Server{Handler: p.handler(), ReadHeaderTimeout: 5 * time.Second}
	var closing sync.WaitGroup
	defer closing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closing.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	if err := server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (p *Process) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-p.ready:
			fmt.Fprintln(w, "ok")
		default:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	})
	for pattern, h := range p.more {
		mux.Handle(pattern, h)
	}
	return mux
}
