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
	home
	ordinal int
	token   string
	needs   needs
	pledges []*pledge // ranks that are not confirmed yet
	since   time.Time

	older, newer *assumption // of those that are not over

	// Most placements have one rank; it needs no memory of its own.
	first   pledge
	ofFirst [1]*pledge
}

// needs is what each rank takes of its node beside GPUs.
type needs struct {
	cpus       int
	host, disk uint64
	model      string // whose weights take the disk, where they are not there yet
}

// of takes down who asks, for what.
func (a *assumption) of(r *aim.Request) *assumption {
	a.home, a.ordinal, a.token = home{r.UID, r.Deployment}, r.Ordinal, r.Token
	a.needs = needs{cpus: r.CPUs, host: r.HostBytes, disk: r.DiskBytes, model: r.Model}
	return a
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
	a := s.assumptions.add(now).of(req)
	a.pledges = a.ofFirst[:0]
	for i := range chosen {
		p := &a.first
		if i > 0 {
			p = &pledge{rank: i}
		}
		a.pledges = append(a.pledges, p)
		s.x.pledge(p, a, &chosen[i], &placement.Ranks[i])
	}
	s.x.outlook.count(len(chosen))
	s.epoch++
}

// pledge counts a rank as taken on the node of its candidate.
func (x *index) pledge(p *pledge, of *assumption, c *candidate, r *aim.Rank) {
	p.of, p.node, p.ids, p.holding = of, r.Node, r.GPUs, holding{c.rating.choice.devices, r.ShareBytes}
	x.attach(c.m, p)
}

func (x *index) attach(m *member, p *pledge) {
	m.pledged = append(m.pledged, p)
	m.pledge(p)
	p.perch = perch{of: p.of.home, m: m, ordinal: p.of.ordinal, pledge: p}
	x.perch(&p.perch)
	x.move(m)
}

func (x *index) unpledge(m *member, p *pledge) {
	i := slices.Index(m.pledged, p)
	m.pledged = slices.Delete(m.pledged, i, i+1)
	m.countAssumed()
	x.unperch(&p.perch)
}

// confirm ends what is assumed about a node that shows the claims by now: its
// own word counts. It returns how many there were.
func (s *Scheduler) confirm(m *member) (confirmed int) {
	for i := len(m.pledged) - 1; i >= 0; i-- {
		p := m.pledged[i]
		if !slices.ContainsFunc(m.node.Claims, func(c aim.Claim) bool { return c.Token == p.of.token }) {
			continue
		}
		s.x.unpledge(m, p)
		p.of.pledges = slices.DeleteFunc(p.of.pledges, func(o *pledge) bool { return o == p })
		if len(p.of.pledges) == 0 {
			s.assumptions.remove(p.of)
		}
		confirmed++
	}
	return confirmed
}

// Refused says that a node did not admit the claim of this request. A gang gives
// up all its ranks together, so nothing of the placement is assumed any longer.
// Token and node are checked so that a late refusal of an earlier placement does
// not undo a later one elsewhere.
func (s *Scheduler) Refused(req *aim.Request, node string) {
	a := s.assumedFor(req)
	if a != nil && slices.ContainsFunc(a.pledges, func(p *pledge) bool { return p.node == node }) {
		s.drop(a)
	}
}

// Expire ends assumptions that nothing was heard of for AssumeFor, and returns
// their tokens, the oldest first.
func (s *Scheduler) Expire(now time.Time) []string {
	var expired []string
	for a := s.assumptions.oldest; a != nil && now.Sub(a.since) >= s.opts.AssumeFor; a = s.assumptions.oldest {
		expired = append(expired, a.token)
		s.drop(a)
	}
	return expired
}

// assumedFor is what is assumed for this very request, nil for nothing.
func (s *Scheduler) assumedFor(req *aim.Request) *assumption {
	for p := s.x.perchOf(req); p != nil; p = p.after() {
		if p.pledge != nil && p.pledge.of.token == req.Token {
			return p.pledge.of
		}
	}
	return nil
}

// forget ends what is assumed for this very request, and returns of how many
// ranks it was.
func (s *Scheduler) forget(req *aim.Request) (ranks int) {
	if a := s.assumedFor(req); a != nil {
		ranks = len(a.pledges)
		s.drop(a)
	}
	return ranks
}

// replace ends what is assumed for the replica: for the same request, which is
// then asked again, or for an earlier attempt, which would not ask with a new
// token if it were still on its way.
func (s *Scheduler) replace(req *aim.Request) (again bool) {
	for p := s.x.perchOf(req); p != nil; p = p.after() {
		if p.pledge != nil && p.ordinal == req.Ordinal {
			again = p.pledge.of.token == req.Token
			s.drop(p.pledge.of)
			return again // there is one at most: each has replaced the one before
		}
	}
	return false
}

// drop ends an assumption, and with it what it held: as if it had never been
// placed.
func (s *Scheduler) drop(a *assumption) {
	s.x.outlook.came -= float64(len(a.pledges))
	for _, p := range a.pledges {
		m := p.perch.m
		if m == nil {
			s.x.unperch(&p.perch)
			continue
		}
		s.x.unpledge(m, p)
		s.x.move(m)
		s.touch(m)
	}
	s.assumptions.remove(a)
}

// remember attaches what is assumed about a node that has come back.
func (s *Scheduler) remember(m *member) {
	for a := s.assumptions.oldest; a != nil; a = a.newer {
		for _, p := range a.pledges {
			if p.node == m.node.ID {
				s.x.unperch(&p.perch)
				p.gpus = m.devicesOf(p.ids)
				s.x.attach(m, p)
			}
		}
	}
}

// claim is the claim that the node is about to make.
func (p *pledge) claim() aim.Claim {
	a := p.of
	return aim.Claim{
		Identity: aim.Identity{Deployment: a.name, UID: a.uid, Ordinal: a.ordinal, Rank: p.rank, Token: a.token},
		GPUs:     p.ids, ShareBytes: p.share, CPUs: a.needs.cpus, HostBytes: a.needs.host,
	}
}
