package activities

import (
	"context"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler"
)

// settle is how long after its start a control process takes "it can never
// fit" for "not yet": nodes may still be about to report.
const settle = 5 * time.Second

// retell is how often a waiting request's reason is looked at again.
const retell = time.Second

// Placer owns the scheduler of one control process: it feeds it the inventory
// and hands turns to those who wait. It is safe for concurrent use.
type Placer struct {
	started time.Time

	mu      sync.Mutex
	core    *scheduler.Scheduler
	seen    map[string]seenNode
	waiting map[string]chan aim.Decision // by token; buffered, one decision each
}

// seenNode is the part of a node that tells whether it has changed.
type seenNode struct {
	epoch, revision uint64
	liveness        aim.Liveness
}

// NewPlacer makes a Placer over an empty fleet.
func NewPlacer() *Placer {
	return &Placer{
		started: time.Now(), core: scheduler.New(scheduler.Options{}),
		seen: map[string]seenNode{}, waiting: map[string]chan aim.Decision{},
	}
}

// Update takes the fleet as it is now and gives turns to those it helps.
func (p *Placer) Update(fleet aim.Fleet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	present := map[string]bool{}
	for _, n := range fleet.Nodes {
		present[n.ID] = true
		now := seenNode{n.Epoch, n.Revision, n.Liveness}
		if p.seen[n.ID] != now {
			p.seen[n.ID] = now
			p.core.Apply(n)
		}
	}
	for id := range p.seen {
		if !present[id] {
			delete(p.seen, id)
			p.core.Remove(id)
		}
	}
	p.turn()
}

// Tick lets assumptions run out that no node has confirmed.
func (p *Placer) Tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.core.Expire(time.Now())
	p.turn()
}

func (p *Placer) turn() {
	for _, g := range p.core.Turn(time.Now()) {
		if answer, ok := p.waiting[g.Request.Token]; ok {
			delete(p.waiting, g.Request.Token)
			answer <- g.Decision
		}
	}
}

// Fleet is the fleet as the scheduler has it.
func (p *Placer) Fleet() aim.Fleet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core.Snapshot()
}

// Place answers at once. The nodes that the request avoids have refused it.
func (p *Placer) Place(req aim.Request) aim.Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node := range req.Avoid {
		p.core.Refused(req.Token, node)
	}
	d := p.core.Place(req, time.Now())
	if d.Outcome == aim.Impossible && !p.settled() {
		d.Outcome = aim.Wait
	}
	return d
}

func (p *Placer) settled() bool { return time.Since(p.started) > settle }

// Await answers when it is the request's turn, or when the fleet has become
// one on which it can never fit. tell hears why it still waits.
func (p *Placer) Await(ctx context.Context, req aim.Request, tell func(why string)) (aim.Decision, error) {
	answer := p.join(req)
	tick := time.NewTicker(retell)
	defer tick.Stop()
	for {
		why := scheduler.Place(req, p.Fleet())
		if why.Outcome == aim.Impossible && p.settled() {
			if d, granted := p.leave(req.Token, answer); granted {
				return d, nil
			}
			return why, nil
		}
		tell(why.String())
		select {
		case d := <-answer:
			return d, nil
		case <-ctx.Done():
			p.leave(req.Token, answer)
			return aim.Decision{}, ctx.Err()
		case <-tick.C:
		}
	}
}

func (p *Placer) join(req aim.Request) chan aim.Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := make(chan aim.Decision, 1)
	p.waiting[req.Token] = answer
	p.core.Wait(req)
	p.turn()
	return answer
}

// leave takes the request out of the queue. A turn that came in the same
// moment is handed out.
func (p *Placer) leave(token string, answer chan aim.Decision) (d aim.Decision, granted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[token] == answer {
		delete(p.waiting, token)
	}
	p.core.Cancel(token)
	select {
	case d = <-answer:
		return d, true
	default:
		return aim.Decision{}, false
	}
}
