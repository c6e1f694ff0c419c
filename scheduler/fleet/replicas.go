package fleet

import (
	"slices"

	"github.com/aim-engine/aim"
)

// deployment is whose replica it is.
type deployment struct{ uid, name string }

// ReplicaOn is one claim of a deployment's replica on a node, reported or assumed.
// Those of one deployment are a chain, in no order: a decision asks for all of them,
// and each is added and taken out with every claim.
type ReplicaOn struct {
	Node    *Node // nil while the node is gone, of an assumed one
	Ordinal int

	of         deployment
	assumed    *assumedRank // nil for a reported one
	prev, next *ReplicaOn   // of deployments of that name
}

// replicas finds the chain of a name. One decision asks for the same name several
// times; the last one is at hand.
type replicas struct {
	chains map[string]*ReplicaOn
	name   string // of the last one; "" = none
	chain  *ReplicaOn
}

func (r *replicas) named(name string) *ReplicaOn {
	if r.name != name || name == "" {
		r.name, r.chain = name, r.chains[name]
	}
	return r.chain
}

func (r *replicas) set(name string, chain *ReplicaOn) {
	if chain == nil {
		delete(r.chains, name)
	} else {
		r.chains[name] = chain
	}
	r.name, r.chain = name, chain
}

// ReplicasOf is the first claim of the deployment that asks, nil where it has none.
func (f *Fleet) ReplicasOf(r *aim.PlacementRequest) *ReplicaOn {
	return f.replicas.named(r.Deployment).own(r.UID)
}

// Next is the next claim of the same deployment, nil after the last.
func (r *ReplicaOn) Next() *ReplicaOn { return r.next.own(r.of.uid) }

func (r *ReplicaOn) own(uid string) *ReplicaOn {
	for r != nil && r.of.uid != uid {
		r = r.next
	}
	return r
}

// noteClaims keeps where the replicas of every deployment are; most claims stay from
// one report to the next.
func (f *Fleet) noteClaims(m *Node, old, now []aim.Claim) {
	unchanged := 0
	for unchanged < len(old) && unchanged < len(now) && sameReplica(&old[unchanged], &now[unchanged]) {
		unchanged++
	}
	for _, r := range m.replicas[unchanged:] {
		f.replicas.remove(r)
	}
	m.replicas = m.replicas[:unchanged]
	for i := range now[unchanged:] {
		c := &now[unchanged+i]
		r := &ReplicaOn{of: deployment{c.UID, c.Deployment}, Node: m, Ordinal: c.Ordinal}
		f.replicas.add(r)
		m.replicas = append(m.replicas, r)
	}
}

func sameReplica(a, b *aim.Claim) bool {
	return a.Ordinal == b.Ordinal && a.UID == b.UID && a.Deployment == b.Deployment
}

// add puts one before the others of its deployment.
func (r *replicas) add(on *ReplicaOn) {
	if on.next = r.named(on.of.name); on.next != nil {
		on.next.prev = on
	}
	r.set(on.of.name, on)
}

func (r *replicas) remove(on *ReplicaOn) {
	if on.next != nil {
		on.next.prev = on.prev
	}
	if on.prev != nil {
		on.prev.next = on.next
	} else {
		r.set(on.of.name, on.next)
	}
	on.prev, on.next = nil, nil
}

// Replicas counts the deployment's other replicas on the node, assumed ones
// included. An earlier attempt of the same replica is not one: it leaves when this
// one stands.
func (m *Node) Replicas(r *aim.PlacementRequest) int {
	var seen []int
	note := func(uid, deployment string, ordinal int) {
		if uid == r.UID && deployment == r.Deployment && ordinal != r.Ordinal && !slices.Contains(seen, ordinal) {
			seen = append(seen, ordinal)
		}
	}
	for i := range m.report.Claims {
		c := &m.report.Claims[i]
		note(c.UID, c.Deployment, c.Ordinal)
	}
	for _, a := range m.assumedRanks {
		note(a.of.uid, a.of.name, a.of.ordinal)
	}
	return len(seen)
}
