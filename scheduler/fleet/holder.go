package fleet

import (
	"slices"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/topology"
)

// Holder is one who holds something on a node: a claim that it reports, or one that
// is assumed there.
type Holder struct {
	Node *Node // nil for none
	i    int   // in the claims of the report, and then in what is assumed
}

// Holders lists everybody who holds something on the node.
func (m *Node) Holders(yield func(Holder) bool) {
	for i := range len(m.held) + len(m.assumedRanks) {
		if !yield(Holder{m, i}) {
			return
		}
	}
}

// Stopping tells whether its server is on its way out already.
func (h Holder) Stopping() bool {
	return h.Node != nil && h.i < len(h.Node.held) && h.Node.report.Claims[h.i].Stopping
}

// Identity is whose claim it is.
func (h Holder) Identity() aim.Identity {
	if n := len(h.Node.held); h.i >= n {
		return h.Node.assumedRanks[h.i-n].claim().Identity
	}
	return h.Node.report.Claims[h.i].Identity
}

// Name is the replica, as people call it.
func (h Holder) Name() string { return h.Identity().ReplicaName() }

// Holds is the GPUs that it holds, and the share of the one GPU's memory where it
// does not hold them whole.
func (h Holder) Holds() (gpus topology.Mask, share uint64) {
	if n := len(h.Node.held); h.i >= n {
		return h.Node.assumedRanks[h.i-n].gpus, h.Node.assumedRanks[h.i-n].share
	}
	return h.Node.held[h.i].gpus, h.Node.held[h.i].share
}

// Unclaimed is the GPUs of a set that no claim holds.
func (m *Node) Unclaimed(gpus topology.Mask) topology.Mask {
	for i := range m.held {
		gpus = gpus.Without(m.held[i].gpus)
	}
	return gpus
}

// ClassWithout is the class that a node would be in if some holders had left it, and
// some GPUs were mended. It holds until the fleet is used again.
func (f *Fleet) ClassWithout(m *Node, gone []Holder, mended topology.Mask) Class {
	rest := *m
	rest.broken = rest.broken.Without(mended)
	rest.held, rest.assumedRanks, rest.report.Claims = nil, nil, nil
	leaves := func(i int) bool { return slices.Contains(gone, Holder{m, i}) }
	for i := range m.held {
		if !leaves(i) {
			rest.held, rest.report.Claims = append(rest.held, m.held[i]), append(rest.report.Claims, m.report.Claims[i])
			continue
		}
		rest.report.ClaimCPUs -= m.report.Claims[i].CPUs
		rest.report.ClaimBytes -= min(rest.report.ClaimBytes, m.report.Claims[i].HostBytes)
	}
	for i := range m.assumedRanks {
		if !leaves(len(m.held) + i) {
			rest.assumedRanks = append(rest.assumedRanks, m.assumedRanks[i])
		}
	}
	rest.countClaimed()
	rest.countAssumed()
	return f.classOf(&rest)
}
