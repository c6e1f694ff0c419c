package fleet

import (
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// Node is one machine: what it last reported, what is assumed on top of that, and
// the class that both together put it in. What a decision reads comes first: ten
// thousand of them do not fit into a processor's cache.
type Node struct {
	slot     int // place in the order of ids
	class    *Class
	hardware *Hardware
	machine  uint64   // what hardware and labels were read from, see machineDigest
	ids      []string // of its GPUs, by number
	claimed  taken    // by what it reports
	assumed  taken    // by what is assumed
	met      []int32  // labels asked for that it carries
	labels   int32    // number of that list

	assumedRanks []*assumedRank
	collected    *collected // of what a reservation holds here; nil for none
	broken       topology.Mask
	held         []holding    // of its claims, in their order
	replicas     []*ReplicaOn // of its claims, in their order
	leaving      string       // token of a claim that is not counted, see WithoutClaim
	touched      bool         // see Fleet.Changed

	report aim.FleetNode
}

// ID is the node's name.
func (m *Node) ID() string { return m.report.ID }

// Slot is its place in the order of ids.
func (m *Node) Slot() int { return m.slot }

// Class is the class that it is in.
func (m *Node) Class() *Class { return m.class }

// Hardware is what it is made of.
func (m *Node) Hardware() *Hardware { return m.hardware }

// Report is what it last reported, and the verdict about it.
func (m *Node) Report() *aim.FleetNode { return &m.report }

// Broken is the GPUs that cannot be given out, as reported.
func (m *Node) Broken() topology.Mask { return m.broken }

// GPU is one of its GPUs.
func (m *Node) GPU(gpu int) *aim.GPU { return &m.report.GPUs[m.hardware.order[gpu]] }

// holding is what a claim holds on a node.
type holding struct {
	gpus  topology.Mask
	share uint64 // of the one GPU's memory; 0 = the GPUs are held whole
}

// taken is what others have of a node, or can have: claims, assumed ones included,
// and GPUs that are not given out.
type taken struct {
	whole  topology.Mask
	shared topology.Mask
	cpus   int
	host   uint64
	disk   uint64 // of the weights that are still to be fetched
}

func (t *taken) hold(h holding) {
	if h.share > 0 {
		t.shared = t.shared.Or(h.gpus)
	} else {
		t.whole = t.whole.Or(h.gpus)
	}
}

// countClaimed sums up anew what the node reports as taken.
func (m *Node) countClaimed() {
	m.claimed = taken{whole: m.broken, cpus: m.report.ClaimCPUs, host: m.report.ClaimBytes}
	for i, h := range m.held {
		if !m.leaves(i) {
			m.claimed.hold(h)
			continue
		}
		m.claimed.cpus -= m.report.Claims[i].CPUs
		m.claimed.host -= min(m.claimed.host, m.report.Claims[i].HostBytes)
	}
}

// leaves tells whether a claim is one that is not counted now.
func (m *Node) leaves(claim int) bool {
	return m.leaving != "" && m.report.Claims[claim].Token == m.leaving
}

// addAssumed counts what is assumed of the node.
func (m *Node) addAssumed(r *assumedRank) {
	needs := &r.of.needs
	m.assumed.hold(r.holding)
	m.assumed.cpus += needs.cpus
	m.assumed.host += needs.host
	if needs.disk > 0 && !slices.Contains(m.report.Models, needs.model) {
		m.assumed.disk += needs.disk
	}
}

// countAssumed sums up anew what is assumed.
func (m *Node) countAssumed() {
	m.assumed = taken{}
	for _, r := range m.assumedRanks {
		m.addAssumed(r)
	}
}

// taken is all that others have, or can have.
func (m *Node) taken() taken {
	c, a := &m.claimed, &m.assumed
	return taken{whole: c.whole.Or(a.whole), shared: c.shared.Or(a.shared), cpus: c.cpus + a.cpus, host: c.host + a.host, disk: a.disk}
}

// read takes what a report says about GPUs and claims.
func (m *Node) read(n aim.FleetNode) {
	fetched := !slices.Equal(m.report.Models, n.Models)
	m.report = n
	m.broken = topology.Mask{}
	for d, place := range m.hardware.order {
		if usable, _ := n.GPUs[place].Usable(); !usable {
			m.broken.Add(d)
		}
	}
	m.held = m.held[:0]
	for i := range n.Claims {
		c := &n.Claims[i]
		m.held = append(m.held, holding{gpus: m.gpusOf(c.GPUs), share: c.ShareBytes})
	}
	m.countClaimed()
	if fetched {
		m.countAssumed() // weights that are there need no disk any more
	}
}

// gpusOf finds the GPUs with these ids. It looks at the report, which has just been
// read, and not at ids, which have been kept since the node was first seen.
func (m *Node) gpusOf(ids []string) topology.Mask {
	var found topology.Mask
	for _, id := range ids {
		for d := range m.hardware.order {
			if m.GPU(d).ID == id {
				found.Add(d)
			}
		}
	}
	return found
}

// IDsOf lists the ids of GPUs, by address. Neighbours need no list of their own.
func (m *Node) IDsOf(gpus topology.Mask) []string {
	n := gpus.Count()
	if n == 0 {
		return nil
	}
	if gpus.Contiguous() {
		first := gpus.First()
		return m.ids[first : first+n : first+n]
	}
	ids := make([]string, 0, n)
	for d := range gpus.All {
		ids = append(ids, m.ids[d])
	}
	return ids
}

// withAssumed is the node as placement sees it: as reported, with the claims that
// are assumed among its own. The report itself stays as it is.
func (m *Node) withAssumed() aim.FleetNode {
	n := m.report
	n.Claims = slices.Clip(n.Claims)
	for _, r := range m.assumedRanks {
		n.Claims = append(n.Claims, r.claim())
		n.ClaimCPUs += r.of.needs.cpus
		n.ClaimBytes += r.of.needs.host
	}
	n.DiskFree = m.DiskFree()
	return n
}

// DiskFree is the disk that is left when the weights of those who are assumed here
// have been fetched.
func (m *Node) DiskFree() uint64 { return m.report.DiskFree - min(m.report.DiskFree, m.assumed.disk) }
