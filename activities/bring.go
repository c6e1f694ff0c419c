package activities

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aim-engine/aim"
)

// PullImage makes the image present on the node.
func (n *Node) PullImage(ctx context.Context, req PullRequest) (StepResult, error) {
	ctx, t, leave := n.enter(ctx, req.Identity)
	defer leave()
	if err := n.checkImage(req.Image); err != nil {
		return StepResult{}, carry(err)
	}
	r, err := n.runtime(ctx)
	if err != nil {
		return StepResult{}, carry(err)
	}
	if ok, err := r.HasImage(ctx, req.Image); err == nil && ok {
		return StepResult{Note: "present"}, nil
	}
	p := newPulse(ctx)
	defer p.stop()
	err = r.Pull(ctx, req.Image, p.report)
	return StepResult{Bytes: p.done()}, carry(t.ended(err, n.opts.ID))
}

// checkImage refuses images from registries that this node does not allow.
func (n *Node) checkImage(image string) error {
	if len(n.opts.Registries) == 0 {
		return nil
	}
	for _, prefix := range n.opts.Registries {
		if strings.HasPrefix(image, prefix) {
			return nil
		}
	}
	return aim.Failf(aim.ClassImage, "node %s does not allow image %s; it allows %s", n.opts.ID, image, strings.Join(n.opts.Registries, ", "))
}

// runtime is the first runtime that works.
func (n *Node) runtime(ctx context.Context) (Runtime, error) {
	var last error = aim.Failf(aim.ClassRuntime, "node %s has no runtime", n.opts.ID)
	for _, r := range n.ports.Runtimes {
		if last = r.Check(ctx); last == nil {
			return r, nil
		}
	}
	return nil, last
}

// pulse heartbeats the last progress of a long step once a second, so that
// Temporal sees the step alive while nothing is reported.
type pulse struct {
	mu     sync.Mutex
	last   aim.Progress
	first  sync.Once
	news   chan struct{} // closed at the first report
	cancel context.CancelFunc
	gone   chan struct{}
}

func newPulse(ctx context.Context) *pulse {
	beat, cancel := context.WithCancel(ctx)
	p := &pulse{cancel: cancel, gone: make(chan struct{}), news: make(chan struct{})}
	go p.run(beat, ctx)
	return p
}

// run beats with the activity's own context: beats of a derived one are lost
// when that is cancelled. The first beat waits for something to tell, if that
// comes soon: the SDK sends it at once, and holds the next ones back for most of
// the heartbeat timeout.
func (p *pulse) run(ctx, beat context.Context) {
	defer close(p.gone)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	select {
	case <-ctx.Done():
		return
	case <-p.news:
	case <-tick.C:
	}
	for {
		activity.RecordHeartbeat(beat, p.progress())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *pulse) report(progress aim.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = progress
	p.first.Do(func() { close(p.news) })
}

func (p *pulse) progress() aim.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *pulse) done() int64 { return p.progress().Done }

func (p *pulse) stop() {
	p.cancel()
	<-p.gone
}
