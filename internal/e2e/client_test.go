package e2e

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/client"
)

// TestTheSDK goes the way of its example, and then asks for what there is not.
func TestTheSDK(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	c := client.New(s.Temporal())
	wish := spec("by-sdk", "")
	wish.Replicas = 2
	apply(t, ctx, s, wish)
	if _, err := c.AwaitReady(ctx, wish.Name); err != nil {
		t.Fatal(err)
	}
	endpoints, err := c.Endpoints(ctx, wish.Name)
	if err != nil || len(endpoints) != 2 || endpoints[0].Replica != 0 || endpoints[1].Replica != 1 {
		t.Fatalf("endpoints %+v, %v", endpoints, err)
	}
	for _, e := range endpoints {
		r, err := http.Get(e.URL + "/v1/models")
		must(t, err)
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s", e.URL, r.Status)
		}
	}
	applied, err := c.Scale(ctx, wish.Name, 1)
	if err != nil || !applied.Changed {
		t.Errorf("scaled: %+v, %v", applied, err)
	}
	must(t, c.Stop(ctx, wish.Name, "the test is over"))
	end, err := c.AwaitEnd(ctx, wish.Name)
	if err != nil || end.Phase != aim.Stopped {
		t.Errorf("it ended as %s, %v", end.Phase, err)
	}
	if _, err := c.Scale(ctx, wish.Name, 2); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("scaling what has ended: %v", err)
	}
	if _, err := c.Status(ctx, "was-never-there"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("status of nothing: %v", err)
	}
}

// TestACommandOutlivesAFrozenEngine: a deploy that is asked for while Temporal stands
// still is carried out once it goes on, by the same command.
func TestACommandOutlivesAFrozenEngine(t *testing.T) {
	ctx, s := scenario(t, 2*time.Minute)
	engine, err := s.Find("devserver")
	must(t, err)
	must(t, syscall.Kill(engine.PID, syscall.SIGSTOP))
	defer syscall.Kill(engine.PID, syscall.SIGCONT)
	wake := time.AfterFunc(12*time.Second, func() { _ = syscall.Kill(engine.PID, syscall.SIGCONT) })
	defer wake.Stop()
	const name = "frozen"
	t.Cleanup(func() { s.Aim(context.WithoutCancel(ctx), "stop", name) })
	r := s.Aim(ctx, "deploy", small, "--name", name, "--timeout", "60s")
	if r.Code != 0 {
		t.Errorf("it ended with %d: %s", r.Code, r.Err)
	}
	if status := awaitReady(t, ctx, s, name); len(status.Replicas) != 1 {
		t.Errorf("%d replicas", len(status.Replicas))
	}
}
