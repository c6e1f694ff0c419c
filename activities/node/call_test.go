package node

import (
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/activities/activitytest"
)

// call runs an activity as a worker would and returns what a workflow gets.
func call[Result any](b *box, name string, req any) (Result, error) {
	return activitytest.Execute[Result](activitytest.Env(func(e activitytest.Registry) { b.Register(e) }), name, req)
}

// running is an activity at work.
type running struct {
	stop  chan struct{} // closed to stop its worker
	ended chan error
}

// begin runs an activity beside the test.
func begin(b *box, name string, req any) *running {
	r := &running{stop: make(chan struct{}), ended: make(chan error, 1)}
	env := activitytest.Env(func(e activitytest.Registry) { b.Register(e) })
	env.SetWorkerStopChannel(r.stop)
	go func() {
		_, err := activitytest.Execute[any](env, name, req)
		r.ended <- err
	}()
	return r
}

// wait returns how the activity ended.
func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(within):
		t.Fatalf("the activity has not ended within %s", within)
		return nil
	}
}

// The activities of one attempt, each as its workflow asks for it.

func (b *box) claim(id aim.Identity, gpus ...string) (activities.ClaimResult, error) {
	return call[activities.ClaimResult](b, activities.Claim, activities.ClaimRequest{Identity: id, GPUs: gpus})
}

func (b *box) start(id aim.Identity, r aim.Rung) (activities.StartResult, error) {
	return call[activities.StartResult](b, activities.Start, activities.StartRequest{Identity: id, Rung: r})
}

func (b *box) awaitReady(id aim.Identity, r aim.Rung) (activities.ReadyResult, error) {
	return call[activities.ReadyResult](b, activities.AwaitReady, activities.ReadyRequest{Identity: id, Rung: r})
}

func (b *box) stop(id aim.Identity) (activities.StopResult, error) {
	return call[activities.StopResult](b, activities.Stop, activities.StopRequest{Identity: id})
}

func (b *box) release(id aim.Identity) error {
	_, err := call[activities.StepResult](b, activities.Release, activities.ReleaseRequest{Identity: id})
	return err
}

// mustClaim claims GPUs.
func (b *box) mustClaim(id aim.Identity, gpus ...string) aim.Claim {
	b.t.Helper()
	res, err := b.claim(id, gpus...)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.Claim
}

// mustStart claims the first GPU and starts a server on it.
func (b *box) mustStart(id aim.Identity, simulate string) activities.StartResult {
	b.t.Helper()
	b.mustClaim(id, b.gpu(0))
	res, err := b.start(id, rung(1, simulate))
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}

// mustServe brings a server to where it answers.
func (b *box) mustServe(id aim.Identity, simulate string) activities.ReadyResult {
	b.t.Helper()
	b.mustStart(id, simulate)
	res, err := b.awaitReady(id, rung(1, simulate))
	if err != nil {
		b.t.Fatal(err)
	}
	return res
}
