package node

import (
	"context"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
)

// serverMonitor watches one ready server for as long as the agent and the server
// live, whether an activity is attached or not, and keeps its endpoint truthful. It
// ends with the reason why the server is not well any more.
type serverMonitor struct {
	cancel  context.CancelFunc
	done    chan struct{}
	failure *aim.Failure // set before done is closed; nil when it was called off

	mu       sync.Mutex
	readings []aim.Reading // of the last minute
}

// monitor makes sure that the server has a monitor. That of a stopped attempt ends
// at once. task is what the server was proved by.
func (n *Node) monitor(a *attemptState, server aim.Server, r Runtime, task string) *serverMonitor {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.monitor != nil {
		return a.monitor
	}
	ctx, cancel := context.WithCancel(n.life)
	if a.stopped {
		cancel()
	}
	m := &serverMonitor{cancel: cancel, done: make(chan struct{})}
	a.monitor = m
	n.background.run(func() {
		defer close(m.done)
		defer cancel()
		n.background.run(func() { n.look(ctx) })
		w := &watching{Node: n, monitor: m, attempt: a, server: server, runtime: r, task: task}
		if f := w.untilUnwell(ctx); ctx.Err() == nil {
			m.failure = f
			w.tell(f.Error())
		}
	})
	return m
}

// monitorAgain watches a server that has just been proved: what an earlier monitor
// found wrong with it is over.
func (n *Node) monitorAgain(a *attemptState, server aim.Server, r Runtime, task string) {
	a.mu.Lock()
	if a.monitor != nil && isClosed(a.monitor.done) {
		a.monitor = nil
	}
	a.mu.Unlock()
	n.monitor(a, server, r, task)
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

// watching is a monitor at work: it asks, and the vitals judge.
type watching struct {
	*Node
	monitor *serverMonitor
	attempt *attemptState
	server  aim.Server
	runtime Runtime
	backend Backend
	task    string
	vitals  *vitals
}

// untilUnwell returns when the server has ended, does not answer, or does no work
// any more. An end is told at once; its cause follows.
func (w *watching) untilUnwell(ctx context.Context) *aim.Failure {
	backend, err := w.backendOf(w.server)
	if err != nil {
		return aim.FailureOf(err)
	}
	w.backend = backend
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.vitals = newVitals(w.server.Name, time.Now(), w.opts.ProbeEvery, w.opts.HangAfter)
	ended := make(chan aim.Exit, 1)
	w.background.run(func() { w.awaitEnd(ctx, ended) })
	health, readings, probes := make(chan error, 1), make(chan aim.Reading, 1), make(chan error, 1)
	tick := time.NewTicker(w.opts.HealthEvery)
	defer tick.Stop()
	judge := time.NewTicker(min(w.opts.HealthEvery, healthSlow/5)) // between two questions, by time alone
	defer judge.Stop()
	asking, reading := false, false
	for {
		var f *aim.Failure
		select {
		case exit := <-ended:
			w.tell("the server has ended")
			return exitOf(w.rootCause(w.server, w.runtime, exit))
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if !asking {
				asking = true
				w.vitals.healthAsked(time.Now())
				w.background.run(func() { health <- w.healthOnce(ctx) })
			}
			if !reading && w.readsNow() {
				reading = true
				w.background.run(func() { readings <- w.readOnce(ctx) })
			}
			if w.vitals.wantsProbe(time.Now()) {
				w.vitals.probeSent(time.Now())
				w.background.run(func() { probes <- w.probe(ctx) })
			}
		case err := <-health:
			asking = false
			f = w.vitals.healthAnswered(err)
		case m := <-readings:
			reading = false
			w.vitals.read(m)
			w.monitor.noted(m)
		case err := <-probes:
			f = w.vitals.probeAnswered(time.Now(), err)
		case <-judge.C:
			f = w.vitals.tick(time.Now())
		}
		if ctx.Err() != nil {
			return nil // called off in the middle of a question
		}
		if f != nil {
			return f
		}
		w.tell(w.vitals.reason())
	}
}

// awaitEnd waits for the end of the server. A runtime that cannot be asked says
// nothing about the server: it is asked again.
func (w *watching) awaitEnd(ctx context.Context, ended chan<- aim.Exit) {
	for ctx.Err() == nil {
		exit, err := w.runtime.Wait(ctx, w.server.Identity)
		if err == nil {
			ended <- exit
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.opts.HealthEvery):
		}
	}
}

func (w *watching) healthOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	return w.backend.Health(ctx, w.ports.Client, w.url(w.server.Port))
}

// readsNow tells whether the numbers are worth reading: every few seconds, and at
// every turn while a request of ours is unanswered or somebody looks at them.
func (w *watching) readsNow() bool {
	v := w.vitals
	return !v.probed.IsZero() || w.askedLately() || time.Since(v.reading.At) >= min(v.probeEvery/6, readEvery)
}

// readEvery is how old the numbers of a server get.
const readEvery = 5 * time.Second

// readOnce reads what the server counts; one that does not tell is known by its
// answers alone.
func (w *watching) readOnce(ctx context.Context) aim.Reading {
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	m, err := w.backend.Metrics(ctx, w.ports.Client, w.url(w.server.Port))
	if err != nil {
		return aim.UnknownReading(time.Now())
	}
	return m
}

// probe sends the small request that has proved the server.
func (w *watching) probe(ctx context.Context) error {
	_, err := w.backend.Prove(ctx, w.ports.Requests, w.url(w.server.Port), w.server.Model, w.task)
	return err
}

// tell shows why the server is not to be used now, "" for no reason.
func (w *watching) tell(reason string) {
	e := w.endpointOf(w.server, w.task)
	e.Healthy, e.Reason = reason == "", activities.Clip(reason, activities.MaxNote)
	if w.attempt.setEndpoint(e) {
		w.announce()
	}
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
