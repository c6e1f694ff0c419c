package scheduler

import (
	"maps"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// assumption is a placement that was proposed and is not seen claimed yet.
//
//	Place -> assumed -> confirmed: the node's inventory shows the claim
//	                 -> refused:   a node did not admit it
//	                 -> expired:   nothing was heard for AssumeFor
type assumption struct {
	request aim.Request
	ranks   map[string]share // by node; those not confirmed yet
	since   time.Time
}

// share is one rank of a placement.
type share struct {
	rank int
	gpus []string
}

func (s *Scheduler) assume(req aim.Request, p *aim.Placement, now time.Time) {
	a := &assumption{request: req, ranks: map[string]share{}, since: now}
	for i, r := range p.Ranks {
		a.ranks[r.Node] = share{rank: i, gpus: r.GPUs}
		s.changed(r.Node)
	}
	s.assumed[req.Token] = a
}

// confirm ends the assumption about this node: its own claim counts now.
func (s *Scheduler) confirm(token, node string) {
	a, ok := s.assumed[token]
	if !ok {
		return
	}
	delete(a.ranks, node)
	if len(a.ranks) == 0 {
		delete(s.assumed, token)
	}
}

// Refused says that a node did not admit the claim of this token. A gang gives
// up all its ranks together, so nothing of the placement is assumed any longer.
// The node id is checked so that a late refusal of an earlier placement does
// not undo a later one elsewhere.
func (s *Scheduler) Refused(token, node string) {
	if a, ok := s.assumed[token]; ok {
		if _, there := a.ranks[node]; there {
			s.forget(token)
		}
	}
}

// Expire ends assumptions that nothing was heard of for AssumeFor, and returns
// their tokens in order.
func (s *Scheduler) Expire(now time.Time) []string {
	var expired []string
	for _, token := range slices.Sorted(maps.Keys(s.assumed)) {
		if now.Sub(s.assumed[token].since) >= s.opts.AssumeFor {
			s.forget(token)
			expired = append(expired, token)
		}
	}
	return expired
}

func (s *Scheduler) forget(token string) {
	a, ok := s.assumed[token]
	if !ok {
		return
	}
	delete(s.assumed, token)
	for node := range a.ranks {
		s.changed(node)
	}
}

// changed makes the node's view be prepared again.
func (s *Scheduler) changed(node string) {
	if m, ok := s.nodes[node]; ok {
		m.counted = nil
	}
}

// count returns the node with the assumed claims on top of its own. The report
// itself stays as it is.
func (s *Scheduler) count(reported aim.FleetNode) *aim.FleetNode {
	n := reported
	n.Claims = slices.Clip(n.Claims)
	for _, token := range slices.Sorted(maps.Keys(s.assumed)) {
		a := s.assumed[token]
		part, here := a.ranks[n.ID]
		if !here {
			continue
		}
		n.Claims = append(n.Claims, a.claim(part))
		n.ClaimCPUs += a.request.CPUs
		n.ClaimBytes += a.request.HostBytes
		if !slices.Contains(n.Models, a.request.Model) {
			n.DiskFree -= min(n.DiskFree, a.request.DiskBytes)
		}
	}
	return &n
}

// claim is the claim that the node is about to make.
func (a *assumption) claim(part share) aim.Claim {
	return aim.Claim{
		Identity: aim.Identity{
			Deployment: a.request.Deployment, UID: a.request.UID, Ordinal: a.request.Ordinal,
			Rank: part.rank, Token: a.request.Token,
		},
		GPUs: part.gpus, CPUs: a.request.CPUs, HostBytes: a.request.HostBytes,
	}
}
