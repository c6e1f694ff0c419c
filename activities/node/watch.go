package node

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// How a ready server is watched. Three failed questions in a row, two seconds
// apart, are no accident; a single one may be a long prefill.
const (
	healthEvery = 2 * time.Second // unless NodeOptions say otherwise
	healthFails = 3
	healthLimit = 10 * time.Second // for one answer
)

// guard watches one ready server for as long as the agent and the server live,
// whether an activity is attached or not, and keeps its endpoint truthful. It
// ends with the reason why the server is not well any more.
type guard struct {
	cancel  context.CancelFunc
	done    chan struct{}
	failure *aim.Failure // set before done is closed; nil when the guard was called off
}

// guard makes sure that the server has one. That of a stopped attempt ends at once.
func (n *Node) guard(t *tenant, server aim.Server, r Runtime) *guard {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guard != nil {
		return t.guard
	}
	ctx, cancel := context.WithCancel(n.life)
	if t.stopped {
		cancel()
	}
	g := &guard{cancel: cancel, done: make(chan struct{})}
	t.guard = g
	go func() {
		defer close(g.done)
		defer cancel()
		n.look(ctx)
		if f := n.untilUnwell(ctx, t, server, r); ctx.Err() == nil {
			g.failure = f
			n.setHealth(t, server, f.Error())
		}
	}()
	return g
}

// guardAgain guards a server that has just been proved: what an earlier guard
// found wrong with it is over.
func (n *Node) guardAgain(t *tenant, server aim.Server, r Runtime) {
	t.mu.Lock()
	if t.guard != nil && isClosed(t.guard.done) {
		t.guard = nil
	}
	t.mu.Unlock()
	n.guard(t, server, r)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// look reads the GPUs again, so that the inventory shows what the server holds.
func (n *Node) look(ctx context.Context) {
	if _, err := n.Rescan(ctx); err == nil {
		n.announce()
	}
}

// untilUnwell returns when the server has ended or does not answer any more.
func (n *Node) untilUnwell(ctx context.Context, t *tenant, server aim.Server, r Runtime) *aim.Failure {
	ended := make(chan error, 1)
	go func() { ended <- n.untilEnded(ctx, server, r) }()
	tick := time.NewTicker(n.opts.HealthEvery)
	defer tick.Stop()
	for fails := 0; fails < healthFails; {
		select {
		case err := <-ended:
			return exitOf(err)
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := n.healthOnce(ctx, server)
		if ctx.Err() != nil {
			return nil // the guard was called off in the middle of the question
		}
		if err != nil {
			fails++
			n.setHealth(t, server, err.Error())
			continue
		}
		fails = 0
		n.setHealth(t, server, "")
	}
	return aim.Failf(aim.ClassUnhealthy, "server %s runs but has not answered %d health checks in a row", server.Name, healthFails)
}

// exitOf turns the end of a server that was ready into its failure. A log that
// shows no cause leaves the bare fact. A guess that is likely while a server loads
// is none for one that had all its memory: somebody may just have killed it, which
// is no reason to serve another precision.
func exitOf(err error) *aim.Failure {
	f := aim.FailureOf(err)
	switch {
	case f.Guess:
		return aim.Failf(aim.ClassExited, "the server was killed; nothing says that memory ran out").WithHint("%s", f.Hint)
	case f.Class == aim.ClassStart || f.Class == aim.ClassInternal:
		f.Class = aim.ClassExited
	}
	return f
}

func (n *Node) healthOnce(ctx context.Context, server aim.Server) error {
	backend, err := n.backendOf(server)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	return backend.Health(ctx, n.ports.Client, n.url(server.Port))
}

func (n *Node) setHealth(t *tenant, server aim.Server, reason string) {
	e := n.endpointOf(server)
	e.Healthy, e.Reason = reason == "", reason
	if t.setEndpoint(e) {
		n.announce()
	}
}

// errStopping hands a watch over: it is retried, and the next agent takes it up.
var errStopping = errors.New("the agent is stopping; the next one goes on watching")

// Watch stays with a ready server until it is not well any more. An agent that
// stops hands the watch to the next one. Its owner is asked about now and then:
// a replica whose deployment has ended is told so.
func (n *Node) Watch(ctx context.Context, req activities.WatchRequest) error {
	stopping := activity.GetWorkerStopChannel(ctx)
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, t, leave := n.enter(ctx, req.Identity)
	defer leave()
	server, r, err := n.find(ctx, req.Identity)
	if err != nil {
		return err
	}
	if r == nil {
		return activities.Carry(aim.Failf(aim.ClassExited, "server %s is not on node %s any more", req.Server(), n.opts.ID))
	}
	if !server.Running && server.Exit != nil {
		return activities.Carry(exitOf(n.rootCause(server, r, *server.Exit)))
	}
	g := n.guard(t, server, r)
	ask := time.NewTicker(n.opts.Silence)
	defer ask.Stop()
	for {
		select {
		case <-g.done:
			switch {
			case g.failure != nil:
				return activities.Carry(g.failure)
			case n.life.Err() != nil:
				return errStopping
			}
			return activities.Carry(aim.Failf(aim.ClassCancelled, "stopped on node %s", n.opts.ID))
		case <-stopping:
			return errStopping
		case <-ctx.Done():
			return activities.Carry(t.ended(ctx.Err(), n.opts.ID))
		case <-ask.C:
			if o, err := n.ports.Owners.Owner(ctx, req.Identity); err == nil && !o.Owned {
				return activities.Carry(aim.Failf(aim.ClassOrphaned, "%s", o.Why))
			}
		}
	}
}
