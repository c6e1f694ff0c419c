package control

import (
	"github.com/aim-engine/aim/scheduler"
	"github.com/aim-engine/aim/scheduler/preempt"
)

// plan asks the scheduler how room could be made for the first of those who
// wait, and lets that one tell it as part of why it waits.
func (p *Placer) plan(policy preempt.Policy) (preempt.Plan, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proposed, p.proposal = "", ""
	plan, ok := p.core.MakeRoomForWaiting(policy)
	switch {
	case ok:
		p.proposed, p.proposal = plan.Request.Token, "Room can be made "+plan.String()
	case plan.Forbidden != "":
		p.proposed, p.proposal = plan.Request.Token, "Room could be made "+plan.Forbidden
	}
	return plan, ok
}

// proposalFor is how room could be made for a request, "" where nobody knows.
func (p *Placer) proposalFor(token string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proposed != token {
		return ""
	}
	return ". " + p.proposal
}

// hasWaiting tells whether anybody waits.
func (p *Placer) hasWaiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting) > 0
}

// holds tells whether a node still shows a claim under this token.
func (p *Placer) holds(token string) bool {
	for _, n := range p.Fleet().Nodes {
		for _, c := range n.Claims {
			if c.Token == token {
				return true
			}
		}
	}
	return false
}

// Fork is a scheduler that stands where this one stands, for questions about what
// would be.
func (p *Placer) Fork() *scheduler.Scheduler {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.core.Fork()
}
