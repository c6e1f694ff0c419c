package control

import "github.com/aim-engine/aim/scheduler"

// plan asks the scheduler how room could be made for the first of those who
// wait, and lets that one tell it as part of why it waits.
func (p *Placer) plan(relief scheduler.Relief) (scheduler.Plan, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proposed, p.proposal = "", ""
	plan, ok := p.core.RelieveWaiting(relief)
	if ok {
		p.proposed, p.proposal = plan.Request.Token, plan.String()
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
	return ". Room can be made " + p.proposal
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
