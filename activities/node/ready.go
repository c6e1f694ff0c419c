package node

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/internal/heartbeat"
)

// ask is the pace of asking a starting server, by the time since its start. A
// server that starts at once is ready at once; a model that loads for minutes
// is asked once a second.
func ask(since time.Duration) time.Duration {
	switch {
	case since < 500*time.Millisecond:
		return 5 * time.Millisecond
	case since < 10*time.Second:
		return 50 * time.Millisecond
	}
	return time.Second
}

// stall is how long a starting server may show no sign of life. Compiling kernels
// at the first start is silent for minutes.
const stall = 15 * time.Minute

// logTail is how much of a log is read to find a root cause: the first errors
// of a multi-process start lie within it.
const logTail = 4000 // lines

// AwaitReady waits until the server really answers: healthy, serving the asked
// name, and one real request done. It gives up when the server ends, or makes
// no progress for the stall time; how long loading takes in all does not matter.
func (n *Node) AwaitReady(ctx context.Context, req activities.ReadyRequest) (activities.ReadyResult, error) {
	beat := heartbeat.Start(ctx)
	defer beat.Stop()
	ctx, a, leave := n.enter(ctx, req.Identity)
	defer leave()
	server, r, err := n.find(ctx, req.Identity)
	if err != nil {
		return activities.ReadyResult{}, err
	}
	if r == nil {
		return activities.ReadyResult{}, activities.Carry(aim.Failf(aim.ClassExited, "server %s is not on node %s any more", req.Server(), n.opts.ID))
	}
	task, err := n.prove(ctx, server, r, req.Rung.Task, beat)
	if err != nil {
		return activities.ReadyResult{}, activities.Carry(a.ended(err, n.opts.ID))
	}
	e := n.endpointOf(server, task)
	n.monitorAgain(a, server, r, task)
	if a.setEndpoint(e) {
		n.announce()
	}
	return activities.ReadyResult{Endpoint: e, Measured: n.measured(ctx, server, r)}, nil
}

func (n *Node) endpointOf(s aim.Server, task string) aim.Endpoint {
	return aim.Endpoint{Identity: s.Identity, URL: n.url(s.Port), Model: s.Model, Backend: s.Backend, Task: task, Healthy: true}
}

// taskGrace is how long a server that is healthy may have no interface at all.
const taskGrace = 10 * time.Second

// proof is the answer to one try to prove a server.
type proof struct {
	healthy bool
	task    string // that it answered
	err     error
}

// prove returns the task that the server has answered, or why it never will. It
// gives up when the server ends, makes no progress for the stall time, serves
// another model, or is healthy and has no interface to be asked by.
func (n *Node) prove(ctx context.Context, server aim.Server, r Runtime, task string, beat *heartbeat.Beat) (served string, err error) {
	backend, err := n.backendOf(server)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	n.background.run(func() { ended <- n.untilEnded(ctx, server, r) })
	seen := newProgress(func(note string) { beat.Report(aim.Progress{Step: activities.StepProve, Note: note}) })
	n.background.run(func() { n.follow(ctx, server, r, seen) })

	started, homeless := time.Now(), time.Time{}
	proofs := make(chan proof, 1)
	next := time.After(0) // nil while a try is under way
	stalled := time.NewTicker(max(min(n.opts.Stall/10, time.Second), time.Millisecond))
	defer stalled.Stop()
	for {
		select {
		case err := <-ended:
			return "", err
		case <-ctx.Done():
			return "", ctx.Err()
		case <-next:
			next = nil
			n.background.run(func() { proofs <- n.proveOnce(ctx, backend, server, task, seen) })
		case p := <-proofs:
			if p.err == nil {
				return p.task, nil
			}
			class := aim.FailureOf(p.err).Class
			if class != aim.ClassTask {
				homeless = time.Time{}
			} else if homeless.IsZero() {
				homeless = time.Now()
			}
			if class == aim.ClassWrongName || class == aim.ClassTask && time.Since(homeless) >= min(taskGrace, n.opts.Stall) {
				return "", p.err
			}
			if p.healthy {
				seen.note(healthyBut + "but " + p.err.Error())
			}
			next = time.After(ask(time.Since(started)))
		case <-stalled.C:
			if idle := seen.idle(); idle > n.opts.Stall && homeless.IsZero() { // one without an interface is given up for that
				return "", aim.Failf(aim.ClassTimeout, "no progress for %s; last: %s", idle.Round(time.Second), seen.last())
			}
		}
	}
}

// proveOnce asks for health and then for an answer, however long that takes: a
// first one may compile kernels for minutes.
func (n *Node) proveOnce(ctx context.Context, backend Backend, server aim.Server, task string, seen *progress) proof {
	url := n.url(server.Port)
	asked, cancel := context.WithTimeout(ctx, healthLimit)
	err := backend.Health(asked, n.ports.Client, url)
	cancel()
	if err != nil {
		return proof{err: err}
	}
	seen.milestone(healthyBut + "asked for a first answer")
	served, err := backend.Prove(ctx, n.ports.Requests, url, server.Model, task)
	return proof{healthy: true, task: served, err: err}
}

// backendOf fails for a server that another version of the agent has started,
// with a backend that this one does not know.
func (n *Node) backendOf(server aim.Server) (Backend, error) {
	backend, ok := n.ports.Backends[server.Backend]
	if !ok {
		return nil, aim.Failf(aim.ClassInternal, "backend %q of server %s is not known on node %s", server.Backend, server.Name, n.opts.ID)
	}
	return backend, nil
}

// untilEnded returns the root cause when the server ends.
func (n *Node) untilEnded(ctx context.Context, server aim.Server, r Runtime) error {
	exit, err := r.Wait(ctx, server.Identity)
	if err != nil {
		return err
	}
	return n.rootCause(server, r, exit)
}

// rootCause finds why a server has ended: in its log, and in its GPUs.
func (n *Node) rootCause(server aim.Server, r Runtime, exit aim.Exit) *aim.Failure {
	return n.blameGPUs(server, n.readCause(server, r, exit))
}

// readCause reads the log of an ended server. The context of the server's start
// has ended with it, so it uses the agent's.
func (n *Node) readCause(server aim.Server, r Runtime, exit aim.Exit) *aim.Failure {
	log := string(n.Redact([]byte(n.log(n.life, server, r))))
	if backend := n.ports.Backends[server.Backend]; backend != nil {
		if f, ok := backend.Classify(log, &exit); ok {
			if f.Class == aim.ClassStart && f.Hint == "" {
				f.Hint = wholeLog(server)
			}
			return f
		}
	}
	why := fmt.Sprintf("the server ended with code %d", exit.Code)
	if exit.Message != "" {
		why += ": " + exit.Message
	}
	f := aim.Failf(aim.ClassStart, "%s", why)
	f.Hint = wholeLog(server)
	f.LogLines = lastLines(log, 5)
	return f
}

func wholeLog(server aim.Server) string {
	replica := ""
	if server.Ordinal > 0 {
		replica = fmt.Sprintf(" --replica %d", server.Ordinal)
	}
	return fmt.Sprintf("aim logs %s%s --attempt %d", server.Deployment, replica, server.Attempt)
}

func (n *Node) log(ctx context.Context, server aim.Server, r Runtime) string {
	reader, err := r.Logs(ctx, server.Identity, aim.LogOptions{Tail: logTail})
	if err != nil {
		return ""
	}
	defer reader.Close()
	data, _ := io.ReadAll(io.LimitReader(reader, 8<<20)) // what was read before an error is still worth reading
	return string(data)
}

func lastLines(log string, count int) []string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return lines[max(0, len(lines)-count):]
}

// measured asks the backend for the figures that the log names, where it can
// read them.
func (n *Node) measured(ctx context.Context, server aim.Server, r Runtime) map[string]float64 {
	reader, ok := n.ports.Backends[server.Backend].(interface {
		Measured(log string) map[string]float64
	})
	if !ok {
		return nil
	}
	return reader.Measured(n.log(ctx, server, r))
}

// follow reads the log as it grows.
func (n *Node) follow(ctx context.Context, server aim.Server, r Runtime, seen *progress) {
	reader, err := r.Logs(ctx, server.Identity, aim.LogOptions{Follow: true})
	if err != nil {
		return
	}
	defer reader.Close()
	lines := bufio.NewReaderSize(reader, 64<<10)
	for {
		line, err := readLine(lines)
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		seen.line(line)
		if m := n.ports.Backends[server.Backend].Milestone(line); m != "" {
			seen.milestone(m)
		}
	}
}
