package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/e2e/stack"
)

const model = "meta-llama/Llama-3.1-8B-Instruct" // one GPU in the catalogue

// engine is one way to run deployments: the real one, or the canned one.
type engine struct {
	apply  func(context.Context, aim.DeploymentSpec) error
	status func(context.Context, string) (aim.Status, error)
	stop   func(context.Context, string) error
}

func realEngine(s *stack.Stack) engine { return engineOf(s.Temporal()) }

func engineOf(t client.Client) engine {
	return engine{
		apply:  func(ctx context.Context, spec aim.DeploymentSpec) error { return stack.Apply(ctx, t, spec) },
		status: func(ctx context.Context, name string) (aim.Status, error) { return stack.Status(ctx, t, name) },
		stop:   func(ctx context.Context, name string) error { return stack.Stop(ctx, t, name) },
	}
}

// once takes one deployment from Apply to Ready, and ends it again.
func (e engine) once(ctx context.Context, spec aim.DeploymentSpec) (time.Duration, error) {
	began := time.Now()
	if err := e.apply(ctx, spec); err != nil {
		return 0, err
	}
	if err := e.awaitReady(ctx, spec.Name, 5*time.Millisecond); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, e.stop(ctx, spec.Name)
}

func (e engine) awaitReady(ctx context.Context, name string, poll time.Duration) error {
	for {
		s, err := e.status(ctx, name)
		if err != nil {
			return err
		}
		if s.Phase == aim.Ready {
			return nil
		}
		if s.Phase.Final() {
			return fmt.Errorf("%s ended as %s: %s", name, s.Phase, s.Reason)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

// benchOverhead compares Apply to Ready with the same workflows over canned
// answers, one deployment at a time, warm, alternating.
func benchOverhead(ctx context.Context, b *bench) error {
	const rounds, warm = 15, 3
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "overhead"), Simulate: "1x8"})
	if err != nil {
		return err
	}
	defer s.Down(ctx)
	f, err := startFloor(ctx, b, "n1")
	if err != nil {
		return err
	}
	defer f.stop()
	ours, floors := realEngine(s), engineOf(f.temporal)
	var all, canned []time.Duration
	for i := range warm + rounds {
		spec := aim.DeploymentSpec{Model: model, Name: fmt.Sprintf("bench-%d", i)}
		a, err := ours.once(ctx, spec)
		if err != nil {
			return err
		}
		c, err := floors.once(ctx, spec)
		if err != nil {
			return err
		}
		if i >= warm {
			all, canned = append(all, a), append(canned, c)
		}
	}
	plain, err := f.bareTimes(ctx, warm+rounds)
	if err != nil {
		return err
	}
	note("Apply to Ready: %.0f ms (median of %d); canned %.0f ms; bare workflow of six activities %.0f ms",
		ms(median(all)), rounds, ms(median(canned)), ms(median(plain[warm:])))
	tell("deploy_overhead_ratio", ms(median(all))/ms(median(canned)), "ratio", 1.5)
	return nil
}

// benchRate asks for a hundred deployments at once on sixteen nodes, and then
// for the same of the canned form.
func benchRate(ctx context.Context, b *bench) error {
	const many, nodes = 100, 16
	s, err := stack.Up(ctx, stack.Options{Bin: b.bin, Dir: filepath.Join(b.dir, "rate"), Simulate: fmt.Sprintf("%dx8", nodes)})
	if err != nil {
		return err
	}
	defer s.Down(ctx)
	ours := realEngine(s)
	if err := warmNodes(ctx, ours, nodes); err != nil {
		return err
	}
	a, err := ours.allAtOnce(ctx, many)
	if err != nil {
		return err
	}
	if err := s.Down(ctx); err != nil { // its processes would slow the other down
		return err
	}
	var ids []string
	for i := range nodes {
		ids = append(ids, fmt.Sprintf("n%d", i+1))
	}
	f, err := startFloor(ctx, b, ids...)
	if err != nil {
		return err
	}
	defer f.stop()
	floors := engineOf(f.temporal)
	if err := warmNodes(ctx, floors, nodes); err != nil {
		return err
	}
	c, err := floors.allAtOnce(ctx, many)
	if err != nil {
		return err
	}
	note("%d deployments, all ready: %.1f s, %.1f/s; canned %.1f s, %.1f/s", many, a.Seconds(), many/a.Seconds(), c.Seconds(), many/c.Seconds())
	tell("deploy_rate_ratio", c.Seconds()/a.Seconds(), "ratio", 0.6)
	return nil
}

// warmNodes serves one deployment on every node, so that weights are cached and
// workers warm.
func warmNodes(ctx context.Context, e engine, nodes int) error {
	for i := range nodes {
		spec := aim.DeploymentSpec{Model: model, Name: fmt.Sprintf("warm-%d", i), Selector: map[string]string{"node": fmt.Sprintf("n%d", i+1)}}
		if _, err := e.once(ctx, spec); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) allAtOnce(ctx context.Context, many int) (time.Duration, error) {
	began := time.Now()
	errs := make(chan error, many)
	for i := range many {
		go func() { errs <- e.apply(ctx, aim.DeploymentSpec{Model: model, Name: fmt.Sprintf("all-%d", i)}) }()
	}
	for range many {
		if err := <-errs; err != nil {
			return 0, err
		}
	}
	for i := range many {
		if err := e.awaitReady(ctx, fmt.Sprintf("all-%d", i), 50*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
