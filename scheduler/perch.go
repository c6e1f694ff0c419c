package scheduler

import "github.com/aim-engine/aim"

// home names a deployment.
type home struct{ uid, name string }

// perch is one claim of a deployment's replica on a node, reported or assumed.
type perch struct {
	of      home
	m       *member
	ordinal int
	at      int // place among the perches of the deployment
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
		m.perches = append(m.perches, x.perch(m, home{c.UID, c.Deployment}, c.Ordinal))
	}
}

func sameHome(a, b *aim.Claim) bool {
	return a.Ordinal == b.Ordinal && a.UID == b.UID && a.Deployment == b.Deployment
}

func (x *index) perch(m *member, h home, ordinal int) *perch {
	p := &perch{of: h, m: m, ordinal: ordinal, at: len(x.homes[h])}
	x.homes[h] = append(x.homes[h], p)
	return p
}

// unperch puts the last perch of the deployment in the place of one that ends.
func (x *index) unperch(p *perch) {
	all := x.homes[p.of]
	last := all[len(all)-1]
	all[p.at], last.at = last, p.at
	all[len(all)-1] = nil
	if x.homes[p.of] = all[:len(all)-1]; len(all) == 1 {
		delete(x.homes, p.of)
	}
}
