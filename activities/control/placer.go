package control

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/activities"
	"github.com/aim-engine/aim/scheduler"
	"github.com/aim-engine/aim/scheduler/queue"
)

// retell is how often a waiting request's reason is looked at again.
const retell = time.Second

// Placer owns the scheduler of one control process: it feeds it the inventory
// and hands turns to those who wait. It is safe for concurrent use.
type Placer struct {
	settled <-chan struct{} // closed once every node that is up has had time to report

	mu      sync.Mutex
	core    *scheduler.Scheduler
	waiting map[string]chan aim.Decision // by token; buffered, one decision each

	proposed, proposal string // whose wait could end by making room, and how
}

// NewPlacer makes a Placer over an empty fleet. Until settled is closed it
// takes "it can never fit" for "not yet".
func NewPlacer(settled <-chan struct{}) *Placer {
	return &Placer{
		settled: settled, core: scheduler.New(scheduler.Options{}),
		waiting: map[string]chan aim.Decision{},
	}
}

// Update takes what has changed in the fleet and gives turns to those it helps.
func (p *Placer) Update(changed []aim.FleetNode, removed []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range changed {
		p.core.Apply(n)
	}
	for _, id := range removed {
		p.core.Remove(id)
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
func (p *Placer) Place(req aim.PlacementRequest) aim.Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node := range req.Avoid {
		p.core.Refused(&req, node)
	}
	d := p.core.Place(req, time.Now())
	if d.Outcome == aim.Impossible && !p.isSettled() {
		d.Outcome = aim.Wait
	}
	if d.Outcome == aim.Wait && len(p.waiting) > 0 {
		return d.Cured(nil) // those who wait come first: see cureFinder
	}
	return d
}

func (p *Placer) isSettled() bool {
	select {
	case <-p.settled:
		return true
	default:
		return false
	}
}

// Await answers when it is the request's turn, or when the fleet has become
// one on which it can never fit. tell hears why it still waits, and what else
// the replica could run now.
func (p *Placer) Await(ctx context.Context, asked activities.PlaceRequest, tell func(why string)) (aim.Decision, error) {
	req, others := asked.PlacementRequest, &alternativeFinder{placer: p, others: asked.Others}
	cures := &cureFinder{placer: p}
	answer := p.join(req)
	tick := time.NewTicker(retell)
	defer tick.Stop()
	for {
		if w, waits := p.waits(req.Token); waits {
			if w.Decision.Outcome == aim.Impossible && p.isSettled() {
				return p.leave(&req, answer, w.Decision), nil
			}
			tell(fmt.Sprintf("%d of %d in the queue: %s%s", w.Position, w.Of, cures.of(req.Token, w), p.proposalFor(req.Token)) + others.now())
		}
		select {
		case d := <-answer:
			return d, nil
		case <-ctx.Done():
			p.abandon(&req, answer)
			return aim.Decision{}, ctx.Err()
		case <-tick.C:
		}
	}
}

func (p *Placer) join(req aim.PlacementRequest) chan aim.Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := make(chan aim.Decision, 1)
	p.waiting[req.Token] = answer
	p.core.Wait(req)
	p.turn()
	return answer
}

func (p *Placer) waits(token string) (queue.Waiting, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core.Waiting(token)
}

// leave takes the request out of the queue and returns the turn that came in
// the same moment, or else the decision otherwise.
func (p *Placer) leave(req *aim.PlacementRequest, answer chan aim.Decision, otherwise aim.Decision) aim.Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case d := <-answer:
		return d
	default:
	}
	if p.waiting[req.Token] == answer {
		delete(p.waiting, req.Token)
		p.core.Cancel(req)
	}
	return otherwise
}

// abandon takes the request out of the queue and gives back the turn that may
// have come in the same moment, so that the next in order has it at once. A
// request that was asked again meanwhile is left to who asked.
func (p *Placer) abandon(req *aim.PlacementRequest, answer chan aim.Decision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if newer, ok := p.waiting[req.Token]; ok && newer != answer {
		return
	}
	delete(p.waiting, req.Token)
	p.core.Cancel(req)
	p.turn()
}
