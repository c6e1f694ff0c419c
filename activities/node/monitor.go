package node

import (
	"context"
	"time"

	"github.com/aim-engine/aim"
)

// How a ready server is watched. Three failed questions in a row, two seconds
// apart, are no accident; a single one may be a long prefill.
const (
	healthEvery = 2 * time.Second // unless NodeOptions say otherwise
	healthFails = 3
	healthLimit = 10 * time.Second // for one answer
)

// serverMonitor watches one ready server for as long as the agent and the server live,
// whether an activity is attached or not, and keeps its endpoint truthful. It
// ends with the reason why the server is not well any more.
type serverMonitor struct {
	cancel  context.CancelFunc
	done    chan struct{}
	failure *aim.Failure // set before done is closed; nil when it was called off
}

// monitor makes sure that the server has a monitor. That of a stopped attempt ends at once.
func (n *Node) monitor(a *attemptState, server aim.Server, r Runtime) *serverMonitor {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.monitor != nil {
		return a.monitor
	}
	ctx, cancel := context.WithCancel(n.life)
	if a.stopped {
		cancel()
	}
	g := &serverMonitor{cancel: cancel, done: make(chan struct{})}
	a.monitor = g
	go func() {
		defer close(g.done)
		defer cancel()
		n.look(ctx)
		if f := n.untilUnwell(ctx, a, server, r); ctx.Err() == nil {
			g.failure = f
			n.setHealth(a, server, f.Error())
		}
	}()
	return g
}

// monitorAgain watches a server that has just been proved: what an earlier monitor
// found wrong with it is over.
func (n *Node) monitorAgain(a *attemptState, server aim.Server, r Runtime) {
	a.mu.Lock()
	if a.monitor != nil && isClosed(a.monitor.done) {
		a.monitor = nil
	}
	a.mu.Unlock()
	n.monitor(a, server, r)
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
func (n *Node) untilUnwell(ctx context.Context, a *attemptState, server aim.Server, r Runtime) *aim.Failure {
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
			return nil // called off in the middle of the question
		}
		if err != nil {
			fails++
			n.setHealth(a, server, err.Error())
			continue
		}
		fails = 0
		n.setHealth(a, server, "")
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

func (n *Node) setHealth(a *attemptState, server aim.Server, reason string) {
	e := n.endpointOf(server)
	e.Healthy, e.Reason = reason == "", reason
	if a.setEndpoint(e) {
		n.announce()
	}
}
