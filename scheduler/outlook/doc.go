// Package outlook says what a placement costs those who come later.
//
// It learns the mix of requests that a fleet sees and values what is free on a
// node by what that mix can still make of it. The value has two parts.
//
// The leftover (pour.go) looks at the node alone: fixed random streams of the
// mix are poured into it, and what stays unused at the end is lost. It finds
// combinations that fill a node to the brim, many steps ahead.
//
// The price (price.go) looks at the fleet: a shape that is asked for has so many
// slots left in all nodes, and so much of what is free will be asked for by this
// shape or by stricter ones. The nearer the second comes to the first, the
// dearer is a slot. So whole nodes, the few machines for the largest requests
// and GPU types that some insist on are kept for those who need them, without a
// weight set by hand for any of them. Small requests that fit anywhere have a
// price only as far as requests leave again: while none does, the leftover knows
// better.
//
// A scheduler asks for the cost of taking a node from one state to another and
// places where it is least:
//
//	o := outlook.New()
//	kind := o.Kind(outlook.Node{Type: "MI300X", GPUs: 8, VRAMBytes: 192 << 30, CPUs: 192, HostBytes: 2 << 40})
//	before := outlook.State{Kind: kind, Whole: 8, CPUs: 192, HostBytes: 2 << 40}
//	after := outlook.State{Kind: kind, Whole: 7, CPUs: 184, HostBytes: 2 << 40}
//	o.Learn(outlook.Shape{GPUs: 1, CPUs: 8})              // every request that is seen
//	o.Refresh(maps.All(map[outlook.State]int{before: 3}), 0) // now and then: nodes by state, and how many left again
//	cost := o.Cost(before, after)                         // less is better
//
// Costs are coarse on purpose: equal ones go to one fixed order of the nodes,
// their names, which fills the fleet from one end and keeps nodes whole at the
// other. A cost holds from one Refresh to the next, so a scheduler may remember
// it. docs/placement.md has what was measured.
//
// An Outlook is owned by one goroutine. It has no clock, and its random numbers
// are fixed: the same calls give the same costs.
package outlook
