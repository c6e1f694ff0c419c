// Package scheduler decides where a replica goes. It only proposes: the node that is
// named admits the claim or refuses it, so a decision taken on old news costs a second
// look and never a shared GPU.
//
// Place is the whole decision as one pure function:
//
//	d := scheduler.Place(aim.PlacementRequest{Deployment: "qwen3-32b", GPUs: 2}, fleet)
//	if d.Outcome == aim.Place {
//		fmt.Println(d.Placement.Ranks[0].Node, d.Placement.Ranks[0].GPUs)
//	} else {
//		fmt.Println(d) // why not, node by node, and what would make it fit
//	}
//
// Scheduler is the same decision over a fleet that changes: it keeps what each node
// last reported, counts what it has proposed but not yet seen claimed, and holds the
// order of those who wait. It has no clock, no I/O and no goroutine; one goroutine owns
// it and passes the time in:
//
//	s := scheduler.New(scheduler.Options{})
//	s.Apply(node)                 // for every change in the inventory
//	d := s.Place(request, now)    // remembers what it proposed
//	if d.Outcome == aim.Wait {
//		s.Wait(request)
//	}
//	for _, g := range s.Turn(now) { // after every change
//		hand(g.Request.Token, g.Decision)
//	}
//
// Each concept has a package of its own, and an arrow is an import:
//
//	scheduler ─► queue    who waits, the order, reservations
//	          ─► preempt  whom to move or stop to make room
//	             │  │
//	             ▼  ▼
//	            place     hard rules, score, search, gangs, explanation, cures
//	             │  └───► opportunity  what a placement costs those who come later
//	             ▼
//	            fleet     the nodes, indexed by what is free; assumed placements
//	             │  └───► bitset       sets of nodes
//	             ▼
//	            topology  exact GPUs within one machine: xGMI, NUMA, partitions
//
// Replicas that come back: a request that Succeeds an earlier attempt may have the GPUs
// which that one still holds, so that a restart or a crash does not lose them to those
// who wait.
package scheduler
