package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// page asks the process for one of its pages.
func page(m *Process, path string) (status int, body string) {
	w := httptest.NewRecorder()
	m.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealthPages(t *testing.T) {
	m := New()
	check := func(path string, want int, word string) {
		t.Helper()
		if status, body := page(m, path); status != want || !strings.Contains(body, word) {
			t.Errorf("%s answers %d %q, want %d with %q", path, status, body, want, word)
		}
	}
	check("/healthz", 200, "ok")
	check("/readyz", 503, "starting")
	check("/metrics", 200, "go_goroutines")
	check("/nothing", 404, "")
	m.SetReady()
	check("/readyz", 200, "ok")
}

func TestServeUntilTheEnd(t *testing.T) {
	m := New()
	if err := m.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ctx, quiet()) }()
	resp, err := http.Get("http://" + m.listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != "ok\n" {
		t.Errorf("healthz answers %q, %v", body, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeNothing(t *testing.T) {
	m := New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(m.Listen(""), m.Serve(ctx, quiet())); err != nil {
		t.Error(err)
	}
}

func TestListenOnATakenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = New().Listen(l.Addr().String())
	if f := aim.FailureOf(err); f.Class != aim.ClassPort || !strings.Contains(f.Text(), l.Addr().String()) || !strings.Contains(f.Hint, "--metrics") {
		t.Errorf("error %v", f.Text())
	}
}

func TestClassOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{temporal.NewNonRetryableApplicationError("no room", "refused", nil), "refused"},
		{fmt.Errorf("claim: %w", temporal.NewApplicationError("no room", "refused")), "refused"},
		{fmt.Errorf("stopped: %w", context.Canceled), "cancelled"},
		{errors.New("connection reset"), "internal"},
		{temporal.NewApplicationError("without a type", ""), "internal"},
	} {
		if got := classOf(c.err); got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
	}
}

// run executes an activity of this name under the interceptor.
func run(m *Process, name string, fn any) {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(quiet()))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{m.Interceptor()}})
	env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	_, _ = env.ExecuteActivity(name) // how it ends is what is measured
}

func TestActivitiesAreTimed(t *testing.T) {
	m := New()
	good := func(context.Context) error { return nil }
	refused := func(context.Context) error {
		return temporal.NewNonRetryableApplicationError("no room", string(aim.ClassRefused), nil)
	}
	run(m, activities.Claim, good)
	run(m, activities.Claim, good)
	run(m, activities.Claim, refused)
	run(m, activities.Stop, good)
	steps := family(t, m.Registry, "aim_step_duration_seconds")
	for _, c := range []struct {
		step, class string
		want        uint64
	}{{activities.Claim, "", 2}, {activities.Claim, "refused", 1}, {activities.Stop, "", 1}} {
		got := labelled(steps, map[string]string{"step": c.step, "class": c.class}).GetHistogram().GetSampleCount()
		if got != c.want {
			t.Errorf("%s with class %q was timed %d times, want %d", c.step, c.class, got, c.want)
		}
	}
}

func TestPlacementsAreTimedByOutcome(t *testing.T) {
	m := New()
	answer := func(o aim.Outcome) func(context.Context) (activities.PlaceResult, error) {
		return func(context.Context) (activities.PlaceResult, error) {
			return activities.PlaceResult{Decision: aim.Decision{Outcome: o}}, nil
		}
	}
	run(m, activities.Place, answer(aim.Place))
	run(m, activities.AwaitTurn, answer(aim.Place))
	run(m, activities.Place, answer(aim.Wait))
	run(m, activities.Place, func(context.Context) (activities.PlaceResult, error) {
		return activities.PlaceResult{}, errors.New("an accident")
	})
	places := family(t, m.Registry, "aim_placement_duration_seconds")
	if len(places.GetMetric()) != 2 {
		t.Errorf("outcomes %v, want place and wait", places.GetMetric())
	}
	for outcome, want := range map[aim.Outcome]uint64{aim.Place: 2, aim.Wait: 1} {
		if got := labelled(places, map[string]string{"outcome": string(outcome)}).GetHistogram().GetSampleCount(); got != want {
			t.Errorf("%d answers %q were timed, want %d", got, outcome, want)
		}
	}
}

func TestFleetIsCounted(t *testing.T) {
	m := New()
	render, vram := 128, uint64(192<<30)
	gpu := func(id string, h aim.Health) aim.GPU {
		return aim.GPU{ID: id, Health: h, RenderMinor: &render, VRAMBytes: &vram}
	}
	n1 := aim.FleetNode{Liveness: aim.Alive, AgeMS: 250}
	n1.ID = "n1"
	n1.GPUs = []aim.GPU{gpu("g0", aim.HealthOK), gpu("g1", aim.HealthOK), gpu("g2", aim.HealthUnhealthy), gpu("g3", aim.HealthOK)}
	n1.Claims = []aim.Claim{{GPUs: []string{"g0"}}, {GPUs: []string{"g1"}, Unowned: "no Temporal"}}
	n1.Endpoints = []aim.Endpoint{{Healthy: true}, {Healthy: false}}
	n2 := aim.FleetNode{Liveness: aim.Lost, AgeMS: 9000}
	n2.ID, n2.GPUs = "n2", []aim.GPU{gpu("g0", aim.HealthOK)}
	m.WatchFleet(func() aim.Fleet { return aim.Fleet{Nodes: []aim.FleetNode{n1, n2}} })

	for _, c := range []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"aim_gpus", map[string]string{"node": "n1", "state": "claimed"}, 2},
		{"aim_gpus", map[string]string{"node": "n1", "state": "unhealthy"}, 1},
		{"aim_gpus", map[string]string{"node": "n1", "state": "free"}, 1},
		{"aim_gpus", map[string]string{"node": "n2", "state": "unknown"}, 1},
		{"aim_claims", map[string]string{"node": "n1", "owned": "true"}, 1},
		{"aim_claims", map[string]string{"node": "n1", "owned": "false"}, 1},
		{"aim_endpoints", map[string]string{"node": "n1", "healthy": "true"}, 1},
		{"aim_endpoints", map[string]string{"node": "n1", "healthy": "false"}, 1},
		{"aim_inventory_age_seconds", map[string]string{"node": "n1", "liveness": "alive"}, 0.25},
		{"aim_inventory_age_seconds", map[string]string{"node": "n2", "liveness": "lost"}, 9},
	} {
		if got := labelled(family(t, m.Registry, c.name), c.labels); got == nil || got.GetGauge().GetValue() != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// The leader's counts stand until another process counts.
func TestReplicasAreCountedByPhase(t *testing.T) {
	m := New()
	set := m.Replicas()
	set(map[aim.Phase]int64{aim.Ready: 3, aim.Failed: 1})
	set(map[aim.Phase]int64{aim.Ready: 2})
	if got := labelled(family(t, m.Registry, "aim_replicas"), map[string]string{"phase": "Ready"}).GetGauge().GetValue(); got != 2 {
		t.Errorf("%v replicas are Ready, want 2", got)
	}
	set(nil)
	if f := family(t, m.Registry, "aim_replicas"); len(f.GetMetric()) != 0 {
		t.Errorf("a process that does not lead counts %v", f)
	}
}
