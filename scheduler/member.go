package scheduler

import (
	"slices"

	"github.com/aim-engine/aim"
)

// member is a node of the fleet: what it last reported, what is assumed on top
// of that, and the class that both together put it in. What a decision reads
// comes first: ten thousand of them do not fit into a processor's cache.
type member struct {
	slot    int // place in the order of ids
	class   *class
	chassis *chassis
	made    uint64    // what the chassis was read from, see aim.Node.Make
	ids     []string  // of its GPUs, in the order of the chassis
	claimed taken     // by what it reports
	assumed taken     // by what is pledged
	pledged []*pledge // ranks that are assumed here
	passes  []int32   // conditions that its labels meet, see book
	labels  int32     // number of that list

	broken  mask      // GPUs that cannot be given out, as reported
	held    []holding // of the node's claims, in their order
	perches []*perch  // of the node's claims, in their order
	touched bool      // since the last turn

	node aim.FleetNode
}

// holding is what a claim holds on a node.
type holding struct {
	gpus  mask
	share uint64 // of the one GPU's memory; 0 = the GPUs are held whole
}

// taken is what others have of a node, or can have: claims, assumed ones
// included, and GPUs that are not given out.
type taken struct {
	whole  mask
	shared mask
	cpus   int
	host   uint64
	disk   uint64 // of the weights that are still to be fetched
}

func (t *taken) hold(h holding) {
	if h.share > 0 {
		t.shared = t.shared.or(h.gpus)
	} else {
		t.whole = t.whole.or(h.gpus)
	}
}

// pledge counts what is assumed on the node.
func (m *member) pledge(p *pledge) {
	needs := &p.of.needs
	m.assumed.hold(p.holding)
	m.assumed.cpus += needs.cpus
	m.assumed.host += needs.host
	if needs.disk > 0 && !slices.Contains(m.node.Models, needs.model) {
		m.assumed.disk += needs.disk
	}
}

// countClaimed sums up anew what the node reports as taken.
func (m *member) countClaimed() {
	m.claimed = taken{whole: m.broken, cpus: m.node.ClaimCPUs, host: m.node.ClaimBytes}
	for _, h := range m.held {
		m.claimed.hold(h)
	}
}

// countAssumed sums up anew what is pledged.
func (m *member) countAssumed() {
	m.assumed = taken{}
	for _, p := range m.pledged {
		m.pledge(p)
	}
}

// taken is all that others have, or can have.
func (m *member) taken() taken {
	c, a := &m.claimed, &m.assumed
	return taken{whole: c.whole.or(a.whole), shared: c.shared.or(a.shared), cpus: c.cpus + a.cpus, host: c.host + a.host, disk: a.disk}
}

// read takes what a report says about GPUs and claims.
func (m *member) read(n aim.FleetNode) {
	fetched := !slices.Equal(m.node.Models, n.Models)
	m.node = n
	m.broken = mask{}
	for d, place := range m.chassis.order {
		if usable, _ := n.GPUs[place].Usable(); !usable {
			m.broken.add(d)
		}
	}
	m.held = m.held[:0]
	for i := range n.Claims {
		c := &n.Claims[i]
		m.held = append(m.held, holding{gpus: m.devicesOf(c.GPUs), share: c.ShareBytes})
	}
	m.countClaimed()
	if fetched {
		m.countAssumed() // weights that are there need no disk any more
	}
}

// devicesOf finds the GPUs with these ids. It looks at the report, which has just
// been read, and not at ids, which have been kept since the node was first seen.
func (m *member) devicesOf(ids []string) mask {
	var found mask
	for _, id := range ids {
		for d := range m.chassis.order {
			if m.gpu(d).ID == id {
				found.add(d)
			}
		}
	}
	return found
}

func (m *member) gpu(device int) *aim.GPU { return &m.node.GPUs[m.chassis.order[device]] }

// named lists the ids of GPUs, by address. Neighbours need no list of their own.
func (m *member) named(devices mask) []string {
	n := devices.count()
	if n == 0 {
		return nil
	}
	if devices.neighbours() {
		first := firstOf(devices)
		return m.ids[first : first+n : first+n]
	}
	ids := make([]string, 0, n)
	for d := range devices.all {
		ids = append(ids, m.ids[d])
	}
	return ids
}

// counted is the node as placement sees it: as reported, with the claims that
// are assumed among its own. The report itself stays as it is.
func (m *member) counted() aim.FleetNode {
	n := m.node
	n.Claims = slices.Clip(n.Claims)
	for _, p := range m.pledged {
		n.Claims = append(n.Claims, p.claim())
		n.ClaimCPUs += p.of.needs.cpus
		n.ClaimBytes += p.of.needs.host
	}
	n.DiskFree = m.diskFree()
	return n
}

// diskFree is the disk that is left when the weights of those who are assumed
// here have been fetched.
func (m *member) diskFree() uint64 { return m.node.DiskFree - min(m.node.DiskFree, m.assumed.disk) }

// replicas counts the deployment's other replicas on the node, assumed ones
// included. An earlier attempt of the same replica is not one: it leaves when
// this one stands.
func (m *member) replicas(r *aim.Request) int {
	var seen []int
	note := func(uid, deployment string, ordinal int) {
		if uid == r.UID && deployment == r.Deployment && ordinal != r.Ordinal && !slices.Contains(seen, ordinal) {
			seen = append(seen, ordinal)
		}
	}
	for i := range m.node.Claims {
		c := &m.node.Claims[i]
		note(c.UID, c.Deployment, c.Ordinal)
	}
	for _, p := range m.pledged {
		note(p.of.uid, p.of.name, p.of.ordinal)
	}
	return len(seen)
}
