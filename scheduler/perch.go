package scheduler

import "github.com/aim-engine/aim"

// home is a deployment.
type home struct{ uid, name string }

// perch is one claim of a deployment's replica on a node, reported or assumed.
// Those of deployments of one name form a chain, in no order.
type perch struct {
	of         home
	m          *member // nil while the node is gone, of an assumed one
	ordinal    int
	pledge     *pledge // nil for a reported one
	prev, next *perch
}

// perchOf is the first perch of a deployment, nil where it has none.
func (x *index) perchOf(r *aim.Request) *perch { return x.homes[r.Deployment].own(r.UID) }

// after is the next perch of the same deployment.
func (p *perch) after() *perch { return p.next.own(p.of.uid) }

func (p *perch) own(uid string) *perch {
	for p != nil && p.of.uid != uid {
		p = p.next
	}
	return p
}

// perches keeps where the replicas of every deployment are; most claims stay
// from one report to the next.
func (x *index) perches(m *member, old, now []aim.Claim) {
	same := 0
	for same < len(old) && same < len(now) && sameHome(&old[same], &now[same]) {
		same++
	}
	for _, p := range m.perches[same:] {
		x.unperch(p)
	}
	m.perches = m.perches[:same]
	for i := range now[same:] {
		c := &now[same+i]
		p := &perch{of: home{c.UID, c.Deployment}, m: m, ordinal: c.Ordinal}
		x.perch(p)
		m.perches = append(m.perches, p)
	}
}

func sameHome(a, b *aim.Claim) bool {
	return a.Ordinal == b.Ordinal && a.UID == b.UID && a.Deployment == b.Deployment
}

// perch puts one before the others of its deployment.
func (x *index) perch(p *perch) {
	if p.next = x.homes[p.of.name]; p.next != nil {
		p.next.prev = p
	}
	x.homes[p.of.name] = p
}

func (x *index) unperch(p *perch) {
	if p.next != nil {
		p.next.prev = p.prev
	}
	switch {
	case p.prev != nil:
		p.prev.next = p.next
	case p.next != nil:
		x.homes[p.of.name] = p.next
	default:
		delete(x.homes, p.of.name)
	}
	p.prev, p.next = nil, nil
}
