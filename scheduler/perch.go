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

// homes finds the chain of a name. One decision asks for the same name several
// times; the last one is at hand.
type homes struct {
	chains map[string]*perch
	name   string // of the last one; "" = none
	chain  *perch
}

func (h *homes) of(name string) *perch {
	if h.name != name || name == "" {
		h.name, h.chain = name, h.chains[name]
	}
	return h.chain
}

func (h *homes) set(name string, chain *perch) {
	if chain == nil {
		delete(h.chains, name)
	} else {
		h.chains[name] = chain
	}
	h.name, h.chain = name, chain
}

// perchOf is the first perch of a deployment, nil where it has none.
func (x *index) perchOf(r *aim.Request) *perch { return x.homes.of(r.Deployment).own(r.UID) }

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
	if p.next = x.homes.of(p.of.name); p.next != nil {
		p.next.prev = p
	}
	x.homes.set(p.of.name, p)
}

func (x *index) unperch(p *perch) {
	if p.next != nil {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		x.homes.set(p.of.name, p.next)
	}
	p.prev, p.next = nil, nil
}
