// Package opportunity says what a placement costs those who come later: its
// opportunity cost.
//
// It learns the mix of requests that a fleet sees and values what is free on a
// node by what that mix can still make of it. The value has two parts.
//
// Fragmentation (fragmentation.go) looks at the node alone: fixed random streams of
// the mix are poured into it, and what stays unused at the end is lost. The idea to
// measure fragmentation by the requests that are expected is that of FGD (Weng et
// al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation
// Gradient Descent", USENIX ATC 2023). FGD looks one request ahead; a stream looks to
// the end, and finds combinations that fill a node to the brim.
//
// The price (price.go) looks at the fleet, as a shadow price does in a linear
// programme: an ask that is expected has so many slots left in all nodes, and so much
// of what is free will be asked for by it or by stricter ones. The nearer the second
// comes to the first, the dearer is a slot. So whole nodes, the few machines for the
// largest requests and GPU types that some insist on are kept for those who need
// them, without a weight set by hand for any of them. Small requests that fit
// anywhere have a price only as far as requests leave again: while none does,
// fragmentation knows better.
//
// A scheduler asks for the cost of taking a node from one capacity to another and
// places where it is least:
//
//	o := opportunity.New()
//	kind := o.Kind(opportunity.Node{Type: "MI300X", GPUs: 8, VRAMBytes: 192 << 30, CPUs: 192, HostBytes: 2 << 40})
//	before := opportunity.Free{Kind: kind, Whole: 8, CPUs: 192, HostBytes: 2 << 40}
//	after := opportunity.Free{Kind: kind, Whole: 7, CPUs: 184, HostBytes: 2 << 40}
//	o.Learn(opportunity.Ask{GPUs: 1, CPUs: 8})              // every request that is seen
//	o.Refresh(maps.All(map[opportunity.Free]int{before: 3}), 0) // now and then: nodes by state, and how many left again
//	cost := o.Cost(before, after)                         // less is better
//
// Costs are coarse on purpose: equal ones go to one fixed order of the nodes,
// their names, which fills the fleet from one end and keeps nodes whole at the
// other. A cost holds from one Refresh to the next, so a scheduler may remember
// it. docs/placement.md has what was measured.
//
// A Model is owned by one goroutine. It has no clock, and its random numbers
// are fixed: the same calls give the same costs.
package opportunity
