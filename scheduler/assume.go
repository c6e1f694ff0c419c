package scheduler

import (
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// assumption is a placement that was proposed and is not seen claimed yet.
//
//	Place -> assumed -> confirmed: the node's inventory shows the claim
//	                 -> refused:   a node did not admit it
//	                 -> replaced:  the replica asks again with another attempt
//	                 -> expired:   nothing was heard for AssumeFor
type assumption struct {
	request aim.Request
	pledges []*pledge // ranks that are not confirmed yet
	since   time.Time
	over    bool

	// Most placements have one rank; it needs no memory of its own.
	first   pledge
	ofFirst [1]*pledge
}

// pledge is one rank of an assumption.
type pledge struct {
	of    *assumption
	node  string
	rank  int
	ids   []string
	perch perch
	holding
}

// assume counts a placement as taken.
func (s *Scheduler) assume(req *aim.Request, chosen []candidate, placement *aim.Placement, now time.Time) {
	a := &assumption{request: *req, since: now}
	a.pledges = a.ofFirst[:0]
	for i := range chosen {
		p := &a.first
		if i > 0 {
			p = &pledge{rank: i}
		}
		a.pledges = append(a.pledges, p)
		s.x.pledge(p, a, &chosen[i], &placement.Ranks[i])
	}
	s.assumed[req.Token] = a
	s.expiring = append(s.expiring, a)
	s.epoch++
}

// pledge counts a rank as taken on the node of its candidate.
func (x *index) pledge(p *pledge, of *assumption, c *candidate, r *aim.Rank) {
	p.of, p.node, p.ids, p.holding = of, r.Node, r.GPUs, holding{c.rating.choice.devices, r.ShareBytes}
	x.attach(c.m, p)
}

func (x *index) attach(m *member, p *pledge) {
	r := &p.of.request
	m.pledged = append(m.pledged, p)
	m.pledge(p)
	p.perch = perch{of: home{r.UID, r.Deployment}, m: m, ordinal: r.Ordinal}
	x.perch(&p.perch)
	x.move(m)
}

func (x *index) unpledge(m *member, p *pledge) {
	i := slices.Index(m.pledged, p)
	m.pledged = slices.Delete(m.pledged, i, i+1)
	m.count()
	x.unperch(&p.perch)
}

// confirm ends what is assumed about a node that shows the claims by now: its
// own word counts.
func (s *Scheduler) confirm(m *member) {
	for i := len(m.pledged) - 1; i >= 0; i-- {
		p := m.pledged[i]
		if !slices.ContainsFunc(m.node.Claims, func(c aim.Claim) bool { return c.Token == p.of.request.Token }) {
			continue
		}
		s.x.unpledge(m, p)
		p.of.pledges = slices.DeleteFunc(p.of.pledges, func(o *pledge) bool { return o == p })
		if len(p.of.pledges) == 0 {
			s.end(p.of)
		}
	}
}

// Refused says that a node did not admit the claim of this token. A gang gives
// up all its ranks together, so nothing of the placement is assumed any longer.
// The node id is checked so that a late refusal of an earlier placement does
// not undo a later one elsewhere.
func (s *Scheduler) Refused(token, node string) {
	if a, ok := s.assumed[token]; ok && slices.ContainsFunc(a.pledges, func(p *pledge) bool { return p.node == node }) {
		s.forget(token)
	}
}

// Expire ends assumptions that nothing was heard of for AssumeFor, and returns
// their tokens, the oldest first.
func (s *Scheduler) Expire(now time.Time) []string {
	var expired []string
	for len(s.expiring) > 0 {
		a := s.expiring[0]
		if !a.over && now.Sub(a.since) < s.opts.AssumeFor {
			break
		}
		s.expiring[0] = nil
		s.expiring = s.expiring[1:]
		if !a.over {
			expired = append(expired, a.request.Token)
			s.forget(a.request.Token)
		}
	}
	return expired
}

// forget ends an assumption, if there is one.
func (s *Scheduler) forget(token string) {
	if a, ok := s.assumed[token]; ok {
		s.drop(a)
	}
}

// drop ends an assumption, and with it what it held.
func (s *Scheduler) drop(a *assumption) {
	for _, p := range a.pledges {
		if m := s.x.byID[p.node]; m != nil {
			s.x.unpledge(m, p)
			s.x.move(m)
			s.touch(m)
		}
	}
	s.end(a)
}

func (s *Scheduler) end(a *assumption) {
	a.over = true
	delete(s.assumed, a.request.Token)
}

// replace ends what is assumed for an earlier attempt of the same replica: it
// would not ask again with a new token if that attempt were still on its way.
func (s *Scheduler) replace(req *aim.Request) {
	for p := s.x.perchOf(req); p != nil; p = p.after() {
		if p.ordinal != req.Ordinal {
			continue
		}
		for _, l := range p.m.pledged {
			r := &l.of.request
			if r.UID == req.UID && r.Deployment == req.Deployment && r.Ordinal == req.Ordinal && r.Token != req.Token {
				s.forget(r.Token)
				return // there is one at most: each has replaced the one before
			}
		}
	}
}

// remember attaches what is assumed about a node that has come back.
func (s *Scheduler) remember(m *member) {
	for _, a := range s.expiring {
		for _, p := range a.pledges {
			if !a.over && p.node == m.node.ID {
				p.gpus = m.devicesOf(p.ids)
				s.x.attach(m, p)
			}
		}
	}
}

// claim is the claim that the node is about to make.
func (p *pledge) claim() aim.Claim {
	r := &p.of.request
	return aim.Claim{
		Identity: aim.Identity{Deployment: r.Deployment, UID: r.UID, Ordinal: r.Ordinal, Rank: p.rank, Token: r.Token},
		GPUs:     p.ids, ShareBytes: p.share, CPUs: r.CPUs, HostBytes: r.HostBytes,
	}
}
