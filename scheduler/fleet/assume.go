package fleet

import (
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// assumption is a placement that was proposed and is not seen claimed yet.
//
//	Assume -> assumed -> confirmed: the node's report shows the claim
//	                  -> refused:   a node did not admit it
//	                  -> replaced:  the replica asks again with another attempt
//	                  -> expired:   nothing was heard for too long
//
// All ranks of a gang are one assumption: they are assumed together and given up
// together. So no two gangs ever each hold what the other lacks, as long as a placement
// that has expired is not claimed any more: who has not claimed all by then gives up what
// it has, and asks again.
type assumption struct {
	deployment
	ordinal  int
	token    string
	succeeds string // token of the attempt whose GPUs it takes over, see aim.PlacementRequest
	needs    needs
	ranks    []*assumedRank // those that are not confirmed yet
	since    time.Time

	older, newer *assumption // of those that are not over

	// Most placements have one rank; it needs no memory of its own.
	first   assumedRank
	ofFirst [1]*assumedRank
}

// needs is what each rank takes of its node beside GPUs.
type needs struct {
	cpus       int
	host, disk uint64
	model      string // whose weights take the disk, where they are not there yet
}

// of takes down who asks, for what.
func (a *assumption) of(r *aim.PlacementRequest) *assumption {
	a.deployment, a.ordinal, a.token, a.succeeds = deployment{r.UID, r.Deployment}, r.Ordinal, r.Token, r.Succeeds
	a.needs = needs{cpus: r.CPUs, host: r.HostBytes, disk: r.DiskBytes, model: r.Model}
	return a
}

// assumedRank is one rank of an assumption, on its node.
type assumedRank struct {
	of   *assumption
	node string
	rank int
	ids  []string
	on   ReplicaOn
	holding
}

// Rank is what one rank of a placement takes of a node.
type Rank struct {
	Node  *Node
	GPUs  topology.Mask
	IDs   []string
	Share uint64 // of the one GPU's memory; 0 = the GPUs are held whole
}

// Assume counts a placement as taken until it is confirmed, given up or expires.
// ranks says what each of so many ranks takes.
func (f *Fleet) Assume(req *aim.PlacementRequest, now time.Time, ranks int, rank func(i int) Rank) {
	a := f.assumed.add(now).of(req)
	a.ranks = a.ofFirst[:0]
	for i := range ranks {
		r := &a.first
		if i > 0 {
			r = &assumedRank{rank: i}
		}
		a.ranks = append(a.ranks, r)
		f.assumeRank(r, a, rank(i))
	}
	f.version++
}

// Suppose counts one rank as taken until undo is called: to find out what would fit
// then. It touches nobody who waits.
func (f *Fleet) Suppose(req *aim.PlacementRequest, rank Rank) (undo func()) {
	r := &assumedRank{}
	f.assumeRank(r, new(assumption).of(req), rank)
	return func() {
		f.detach(rank.Node, r)
		f.Reclassify(rank.Node)
	}
}

func (f *Fleet) assumeRank(r *assumedRank, of *assumption, rank Rank) {
	r.of, r.node, r.ids, r.holding = of, rank.Node.ID(), rank.IDs, holding{rank.GPUs, rank.Share}
	f.attach(rank.Node, r)
}

func (f *Fleet) attach(m *Node, r *assumedRank) {
	m.assumedRanks = append(m.assumedRanks, r)
	m.addAssumed(r)
	r.on = ReplicaOn{of: r.of.deployment, Node: m, Ordinal: r.of.ordinal, assumed: r}
	f.replicas.add(&r.on)
	f.Reclassify(m)
}

func (f *Fleet) detach(m *Node, r *assumedRank) {
	i := slices.Index(m.assumedRanks, r)
	m.assumedRanks = slices.Delete(m.assumedRanks, i, i+1)
	m.countAssumed()
	f.replicas.remove(&r.on)
}

// reattach puts what is assumed about a node that has come back onto it again.
func (f *Fleet) reattach(m *Node) {
	for a := f.assumed.oldest; a != nil; a = a.newer {
		for _, r := range a.ranks {
			if r.node == m.ID() {
				f.replicas.remove(&r.on)
				r.gpus = m.gpusOf(r.ids)
				f.attach(m, r)
			}
		}
	}
}

// confirm ends what is assumed about a node that shows the claims by now, and
// returns of how many ranks it was.
func (f *Fleet) confirm(m *Node) (confirmed int) {
	for i := len(m.assumedRanks) - 1; i >= 0; i-- {
		r := m.assumedRanks[i]
		if !m.shows(r.of.token) {
			continue
		}
		f.detach(m, r)
		r.of.ranks = slices.DeleteFunc(r.of.ranks, func(o *assumedRank) bool { return o == r })
		if len(r.of.ranks) == 0 {
			f.assumed.remove(r.of)
		}
		confirmed++
	}
	return confirmed
}

// shows tells whether the node reports a claim under this token.
func (m *Node) shows(token string) bool {
	return slices.ContainsFunc(m.report.Claims, func(c aim.Claim) bool { return c.Token == token })
}

// Refused gives up what is assumed for the request where a node did not admit it,
// and returns of how many ranks that was. Token and node are checked so that a late
// refusal of an earlier placement does not undo a later one elsewhere.
func (f *Fleet) Refused(req *aim.PlacementRequest, node string) (ranks int) {
	a := f.assumedFor(req)
	if a == nil || !slices.ContainsFunc(a.ranks, func(r *assumedRank) bool { return r.node == node }) {
		return 0
	}
	return f.drop(a)
}

// Expire gives up what nothing was heard of for so long, and returns the tokens, the
// oldest first, and of how many ranks it was. One that takes over the GPUs of an
// earlier attempt has time from when that one has left.
func (f *Fleet) Expire(now time.Time, after time.Duration) (tokens []string, ranks int) {
	for a := f.assumed.oldest; a != nil && now.Sub(a.since) >= after; a = f.assumed.oldest {
		if a.waitsForPredecessor() {
			f.assumed.renew(a, now)
			continue
		}
		tokens = append(tokens, a.token)
		ranks += f.drop(a)
	}
	return tokens, ranks
}

func (a *assumption) waitsForPredecessor() bool {
	return a.succeeds != "" && slices.ContainsFunc(a.ranks, func(r *assumedRank) bool {
		return r.on.Node != nil && r.on.Node.shows(a.succeeds)
	})
}

// Forget gives up what is assumed for this very request, and returns of how many
// ranks it was.
func (f *Fleet) Forget(req *aim.PlacementRequest) (ranks int) {
	if a := f.assumedFor(req); a != nil {
		return f.drop(a)
	}
	return 0
}

// Replace gives up what is assumed for the replica: for the same request, which is
// then asked again, or for an earlier attempt, which would not ask with a new token
// if it were still on its way.
func (f *Fleet) Replace(req *aim.PlacementRequest) (again bool, ranks int) {
	for r := f.ReplicasOf(req); r != nil; r = r.Next() {
		if r.assumed != nil && r.Ordinal == req.Ordinal {
			again = r.assumed.of.token == req.Token
			return again, f.drop(r.assumed.of) // there is one at most: each has replaced the one before
		}
	}
	return false, 0
}

// assumedFor is what is assumed for this very request, nil for nothing.
func (f *Fleet) assumedFor(req *aim.PlacementRequest) *assumption {
	for r := f.ReplicasOf(req); r != nil; r = r.Next() {
		if r.assumed != nil && r.assumed.of.token == req.Token {
			return r.assumed.of
		}
	}
	return nil
}

// drop gives up an assumption, and with it what it held: as if it had never been
// placed.
func (f *Fleet) drop(a *assumption) (ranks int) {
	ranks = len(a.ranks)
	for _, r := range a.ranks {
		m := r.on.Node
		if m == nil {
			f.replicas.remove(&r.on)
			continue
		}
		f.detach(m, r)
		f.Reclassify(m)
		f.touch(m)
	}
	f.assumed.remove(a)
	return ranks
}

// claim is the claim that the node is about to make.
func (r *assumedRank) claim() aim.Claim {
	a := r.of
	return aim.Claim{
		Identity: aim.Identity{Deployment: a.name, UID: a.uid, Ordinal: a.ordinal, Rank: r.rank, Token: a.token},
		GPUs:     r.ids, ShareBytes: r.share, CPUs: a.needs.cpus, HostBytes: a.needs.host,
	}
}

// WithoutClaim stops counting the claim of an earlier attempt of the replica, on
// whatever nodes show it, until undo is called: its successor may have those GPUs.
func (f *Fleet) WithoutClaim(req *aim.PlacementRequest, token string) (undo func()) {
	var nodes []*Node
	for r := f.ReplicasOf(req); r != nil; r = r.Next() {
		if r.Node != nil && r.assumed == nil && r.Ordinal == req.Ordinal && r.Node.shows(token) && !slices.Contains(nodes, r.Node) {
			nodes = append(nodes, r.Node)
		}
	}
	count := func(leaving string) {
		for _, m := range nodes {
			m.leaving = leaving
			m.countClaimed()
			f.place(m)
		}
	}
	count(token)
	return func() { count("") }
}

// assumptions is all that is assumed, by age. The memory of those that are over is
// used again: a fleet where replicas come and go allocates none (place_p99_us).
type assumptions struct {
	oldest, newest *assumption
	spare          *assumption // a chain by newer
}

// add begins one.
func (l *assumptions) add(now time.Time) *assumption {
	a := l.spare
	if a == nil {
		a = &assumption{}
	} else {
		l.spare = a.newer
	}
	a.since = now
	l.append(a)
	return a
}

func (l *assumptions) append(a *assumption) {
	a.older, a.newer = l.newest, nil
	if l.newest == nil {
		l.oldest = a
	} else {
		l.newest.newer = a
	}
	l.newest = a
}

// unlink takes one out of the order of age.
func (l *assumptions) unlink(a *assumption) {
	if a.older == nil {
		l.oldest = a.newer
	} else {
		a.older.newer = a.newer
	}
	if a.newer == nil {
		l.newest = a.older
	} else {
		a.newer.older = a.older
	}
}

// renew lets the time of one begin anew.
func (l *assumptions) renew(a *assumption, now time.Time) {
	l.unlink(a)
	a.since = now
	l.append(a)
}

// remove ends one. Nothing may refer to it any more.
func (l *assumptions) remove(a *assumption) {
	l.unlink(a)
	*a = assumption{newer: l.spare}
	l.spare = a
}
