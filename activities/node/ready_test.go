package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities/activitytest"
)

func TestAwaitReadyProvesTheServer(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	started := b.mustStart(identity("a"), "")
	res, err := b.awaitReady(identity("a"), rung(1, ""))
	if err != nil {
		t.Fatal(err)
	}
	e := res.Endpoint
	if !e.Healthy || e.URL != started.URL || e.Model != "org/model" || e.Backend != "vllm" || e.Token != identity("a").Token {
		t.Errorf("endpoint %+v, want a healthy one of org/model at %s", e, started.URL)
	}
	if res.Measured["kv_tokens"] == 0 {
		t.Errorf("measured %v, want the size of the KV cache", res.Measured)
	}
	if shown := b.Inventory().Endpoints; len(shown) != 1 || shown[0] != e {
		t.Errorf("the inventory shows %+v", shown)
	}
}

func TestAwaitReadyFails(t *testing.T) {
	for _, c := range []struct {
		what, simulate string
		up             string // its log says so before it is waited for
		class          aim.FailureClass
		want           string
	}{
		{"wrong name", "wrong", "startup complete", aim.ClassWrongName, "serves simulated/another-model, not org/model"},
		{"no progress", "hang", "Loading safetensors", aim.ClassTimeout, "last: loading weights, 0 % (0 of 5 files)"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1, func(b *box) { b.opts.Stall = 300 * time.Millisecond })
			b.mustStart(identity("a"), c.simulate)
			b.logs(identity("a"), c.up)
			_, err := b.awaitReady(identity("a"), rung(1, ""))
			activitytest.Failure(t, err, c.class, c.want)
			if shown := b.Inventory().Endpoints; len(shown) != 0 {
				t.Errorf("the inventory shows %+v", shown)
			}
		})
	}
}

// A server that is up and cannot do its work is not ready, however healthy.
func TestAwaitReadyTellsWhatWasNotProved(t *testing.T) {
	t.Parallel()
	m := &moody{prove: aim.Failf(aim.ClassUnhealthy, "it answers nothing")}
	b := newBox(t, 1, withMood(m), func(b *box) { b.opts.Stall = 300 * time.Millisecond })
	b.mustStart(identity("a"), "")
	b.logs(identity("a"), "startup complete")
	_, err := b.awaitReady(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassTimeout, "last: healthy, but it answers nothing")
}

// Loading may take as long as it likes while it goes on.
func TestAwaitReadyIsPatientWithProgress(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.Stall = 1500 * time.Millisecond })
	b.mustStart(identity("a"), "load=2s")
	began := time.Now()
	if _, err := b.awaitReady(identity("a"), rung(1, "")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < b.opts.Stall {
		t.Errorf("it took %s, the test needs more than %s", took, b.opts.Stall)
	}
}

func TestAwaitReadyAfterARestartOfTheAgent(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustStart(identity("a"), "load=300ms")
	before := b.pid(identity("a"))
	b.restart("boot-1")
	res, err := b.awaitReady(identity("a"), rung(1, ""))
	if err != nil || !res.Endpoint.Healthy {
		t.Fatalf("%+v, %v", res, err)
	}
	if after := b.pid(identity("a")); after != before {
		t.Errorf("process %d serves, %d was started", after, before)
	}
}

func TestAwaitReadyWithoutAServer(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustClaim(identity("a"), b.gpu(0))
	_, err := b.awaitReady(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassExited, "is not on node n1 any more")
}

// A server may be of another version of the agent, with backends that this one
// does not know.
func TestAwaitReadyOfAnUnknownBackend(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustStart(identity("a"), "")
	b.ports.Backends = nil
	b.restart("boot-1")
	_, err := b.awaitReady(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassInternal, `backend "vllm" of server aim-a-0-uid-of-a-1 is not known on node n1`)
}

func TestLogsAreFoundByTheAttempt(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustServe(identity("a"), "")
	known := identity("a")
	known.Token = "" // as people know it
	if text := b.log(known); !strings.Contains(text, "SIMULATED") {
		t.Errorf("the log is %q", text)
	}
	if _, err := b.stop(identity("a")); err != nil {
		t.Fatal(err)
	}
	if text := b.log(known); !strings.Contains(text, "Application shutdown complete") {
		t.Errorf("after the stop the log is %q", text)
	}
	_, err := b.Logs(t.Context(), identity("other"), aim.LogOptions{})
	if f := aim.FailureOf(err); f.Class != aim.ClassMissing || !strings.Contains(fmt.Sprint(f.Text()), "aim status other") {
		t.Errorf("no such log: %v", err)
	}
}

// A server that says the same over and over, or that is healthy and answers our
// questions with nothing but refusals, makes no progress.
func TestAwaitReadyIsNotTalkedInto(t *testing.T) {
	for _, c := range []struct {
		what, simulate string
		class          aim.FailureClass
		want           string
	}{
		{"a line that repeats", "talk", aim.ClassTimeout, "no progress for"},
		{"a healthy port without an interface", "no_generate;no_embed", aim.ClassTask, "POST /v1/chat/completions answers 404"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, 1, func(b *box) { b.opts.Stall = time.Second })
			b.mustStart(identity("a"), c.simulate)
			began := time.Now()
			_, err := b.awaitReady(identity("a"), rung(1, ""))
			activitytest.Failure(t, err, c.class, c.want)
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A first request that is never answered, on a healthy port, ends by the stall time.
func TestAwaitReadyOfAServerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1, func(b *box) { b.opts.Stall = time.Second })
	b.mustStart(identity("a"), "stall=0s;ttft=500ms")
	_, err := b.awaitReady(identity("a"), rung(1, ""))
	activitytest.Failure(t, err, aim.ClassTimeout, "healthy, asked for a first answer")
}

// A model whose task was guessed wrong is served all the same, and its endpoint
// says as what.
func TestAwaitReadyAsksTheOtherInterfaceOnce(t *testing.T) {
	t.Parallel()
	b := newBox(t, 1)
	b.mustStart(identity("a"), "no_generate")
	res, err := b.awaitReady(identity("a"), rung(1, ""))
	if err != nil || res.Endpoint.Task != "embed" || !res.Endpoint.Healthy {
		t.Fatalf("%+v, %v", res.Endpoint, err)
	}
}
