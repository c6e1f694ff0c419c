package node

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

func watch(b *box, id aim.Identity) *running {
	return begin(b, activities.Watch, activities.WatchRequest{Identity: id})
}

// endpoint is what the inventory shows of the only server.
func (b *box) endpoint() aim.Endpoint {
	if e := b.Inventory().Endpoints; len(e) == 1 {
		return e[0]
	}
	return aim.Endpoint{}
}

func TestWatchEndsWithTheCauseOfDeath(t *testing.T) {
	for _, c := range []struct {
		simulate string
		class    aim.FailureClass
	}{
		{"crash=2s", aim.ClassExited},
		{"exit0=2s", aim.ClassExited},
		{"gpu_fault=2s", aim.ClassGPUFault},
	} {
		t.Run(c.simulate, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1)
			b.mustServe(identity("a"), c.simulate)
			f := activitytest.Failure(t, watch(b, identity("a")).wait(t), c.class)
			e := b.endpoint()
			if e.Healthy || e.Reason != f.Error() {
				t.Errorf("endpoint %+v, want it unhealthy: %s", e, f.Error())
			}
			// The next agent, asked again, says the same.
			b.restart("boot-1")
			activitytest.Failure(t, watch(b, identity("a")).wait(t), c.class)
		})
	}
}

// A server that was ready and is killed is no sign of too little memory: the
// replica does not go down its ladder for it.
func TestWatchOfAKilledServer(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	w := watch(b, identity("a"))
	b.signal(identity("a"), syscall.SIGKILL)
	activitytest.Failure(t, w.wait(t), aim.ClassExited, "was killed")
}

func TestWatchOfNoServer(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	activitytest.Failure(t, watch(b, identity("a")).wait(t), aim.ClassExited, "is not on node n1 any more")
}

func TestWatchGivesUpAServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.HealthEvery = 10 * time.Millisecond })
	b.mustServe(identity("a"), "unhealthy=2s")
	activitytest.Failure(t, watch(b, identity("a")).wait(t), aim.ClassUnhealthy, "has not answered 3 health checks in a row")
	if b.runs() != "a" {
		t.Errorf("running: %q; it is the workflow that stops it", b.runs())
	}
}

// Two failed checks are an accident, three in a row are not.
func TestWatchForgivesTwoFailedChecks(t *testing.T) {
	t.Parallel()
	m := &moody{}
	b := newBox(t, 1, withMood(m))
	b.mustServe(identity("a"), "")
	w := watch(b, identity("a"))
	m.order(ill, ill, well, ill, ill, well, never)
	b.eventually("the last check is asked", func() bool { return m.left() == 0 })
	if e := b.endpoint(); !e.Healthy {
		t.Errorf("endpoint %+v after a good answer", e)
	}
	select {
	case err := <-w.ended:
		t.Fatalf("the watch ended: %v", err)
	default:
	}
	b.endLife()
	activitytest.Retried(t, w.wait(t))
}

// What a monitor found while nobody watched is over once the server has proved
// itself again.
func TestWatchAfterARecovery(t *testing.T) {
	t.Parallel()
	m := &moody{}
	b := newBox(t, 1, withMood(m))
	b.mustServe(identity("a"), "")
	m.order(ill, ill, ill)
	activitytest.Failure(t, watch(b, identity("a")).wait(t), aim.ClassUnhealthy)
	if _, err := b.awaitReady(identity("a"), rung(1, "")); err != nil {
		t.Fatal(err)
	}
	w := watch(b, identity("a"))
	m.order(well, well, well)
	b.eventually("it is asked again", func() bool { return m.left() == 0 })
	if e := b.endpoint(); !e.Healthy {
		t.Errorf("endpoint %+v", e)
	}
	b.signal(identity("a"), 9)
	if err := w.wait(t); aim.FailureOf(err).Class == aim.ClassUnhealthy {
		t.Errorf("the watch repeats the old failure: %v", err)
	}
}

func TestWatchIsHandedOverWhenItsWorkerStops(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	w := watch(b, identity("a"))
	close(w.stop)
	activitytest.Retried(t, w.wait(t), "the next one goes on watching")
	if !b.endpoint().Healthy || b.runs() != "a" {
		t.Errorf("endpoint %+v, running %q", b.endpoint(), b.runs())
	}
}

// An agent that ends says nothing about its servers, not even in the middle of
// a question.
func TestWatchIsHandedOverWhenItsAgentEnds(t *testing.T) {
	t.Parallel()
	m := &moody{}
	b := newBox(t, 1, withMood(m))
	b.mustServe(identity("a"), "")
	w := watch(b, identity("a"))
	m.order(never)
	b.eventually("it is being asked", func() bool { return m.left() == 0 })
	b.endLife()
	activitytest.Retried(t, w.wait(t), "the next one goes on watching")
	if e := b.endpoint(); !e.Healthy {
		t.Errorf("endpoint %+v", e)
	}
}

func TestWatchAsksWhoseTheServerIs(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.Silence = 10 * time.Millisecond })
	b.mustServe(identity("a"), "")
	w := watch(b, identity("a"))
	asked := func(times int) func() bool {
		return func() bool { return strings.Count(b.owners.questions(), "a") >= times }
	}
	b.eventually("its owner is asked about", asked(2))
	b.owners.say(func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{}, errors.New("no Temporal") })
	b.eventually("it is asked again while nobody can answer", asked(8))
	b.owners.say(func(aim.Identity) (aim.Ownership, error) { return aim.Ownership{Why: "deployment a has ended"}, nil })
	activitytest.Failure(t, w.wait(t), aim.ClassOrphaned, "deployment a has ended")
}

// A server that says that it is well and does no work any more is told so, and
// given up; slow work is work.
func TestWatchOfAServerThatIsWellAndDoesNoWork(t *testing.T) {
	for _, simulate := range []string{"mute=300ms", "stall=300ms"} {
		t.Run(simulate, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1, func(b *box) {
				b.opts.HealthEvery, b.opts.ProbeEvery, b.opts.HangAfter = 20*time.Millisecond, 100*time.Millisecond, 5*time.Second
			})
			b.mustServe(identity("a"), simulate)
			w := watch(b, identity("a"))
			b.eventually("it is told before it is given up", func() bool {
				return strings.Contains(b.endpoint().Reason, "has not answered a small request") || len(w.ended) > 0
			})
			f := activitytest.Failure(t, w.wait(t), aim.ClassHung, "has not answered a small request")
			if e := b.endpoint(); e.Healthy || e.Reason != f.Error() {
				t.Errorf("endpoint %+v", e)
			}
		})
	}
}

func TestWatchIsPatientWithSlowWork(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) {
		b.opts.HealthEvery, b.opts.ProbeEvery, b.opts.HangAfter = 20*time.Millisecond, 50*time.Millisecond, 2*time.Second
	})
	b.mustServe(identity("a"), "ttft=600ms;tpot=300ms")
	w := watch(b, identity("a"))
	resp, err := http.Post(b.endpoint().URL+"/v1/completions", "application/json",
		strings.NewReader(`{"model":"org/model","prompt":"a","max_tokens":12}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	select {
	case err := <-w.ended:
		t.Fatalf("given up: %v", err)
	default:
	}
	b.endLife()
	activitytest.Retried(t, w.wait(t))
}

// From the end of a server to the word of it in the inventory: at once, whatever
// the search for the cause takes.
func TestAnEndIsToldAtOnce(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	began := time.Now()
	b.signal(identity("a"), syscall.SIGKILL)
	b.eventually("the endpoint is not healthy", func() bool { return !b.endpoint().Healthy })
	if took := time.Since(began); took > 700*time.Millisecond {
		t.Errorf("told after %s", took)
	}
}

// A server that does not answer, such as a stopped process, is told so before it is
// given up.
func TestAStoppedServerIsToldSo(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	b.signal(identity("a"), syscall.SIGSTOP)
	defer b.signal(identity("a"), syscall.SIGCONT)
	b.eventually("the endpoint is not healthy", func() bool {
		return strings.Contains(b.endpoint().Reason, "has not answered GET /health")
	})
}
