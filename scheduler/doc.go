// Package scheduler decides where a replica goes. It only proposes: the node
// that is named admits the claim or refuses it, so a decision taken on old news
// costs a second look and never a shared GPU.
//
// Place is the whole decision as one pure function:
//
//	d := scheduler.Place(aim.Request{Deployment: "qwen3-32b", GPUs: 2}, fleet)
//	if d.Outcome == aim.Place {
//		fmt.Println(d.Placement.Ranks[0].Node, d.Placement.Ranks[0].GPUs)
//	} else {
//		fmt.Println(d) // why not, node by node, and what would make it fit
//	}
//
// Scheduler is the same decision over a fleet that changes: it keeps what each
// node last reported, counts what it has proposed but not yet seen claimed, and
// holds the order of those who wait. It has no clock, no I/O and no goroutine;
// one goroutine owns it and passes the time in:
//
//	s := scheduler.New(scheduler.Options{})
//	s.Apply(node)                 // for every change in the inventory
//	d := s.Place(request, now)    // remembers what it proposed
//	s.Explain(&d)                 // in words, for those who want to know why
//	if d.Outcome == aim.Wait {
//		s.Wait(request)
//	}
//	for _, g := range s.Turn(now) { // after every change
//		hand(g.Request.Token, g.Decision)
//	}
//
// A decision costs the same on a hundred nodes and on ten thousand, because it
// looks at classes of nodes and not at nodes. What a request can tell nodes apart
// by makes their class: how they are built (chassis.go, layout.go), what is free
// on them, and those labels and amounts that somebody has asked for so far
// (book.go). What a class is to a shape of request is found out once (judge.go).
// The nodes of a class, those with an image, those with weights are sets of bits
// (set.go), so that counting who fails which rule and finding the best few takes
// neither a look at every node nor a sample of them:
//
//	index.go    what is kept of the fleet; move.go a change moves a node between classes
//	rules.go    filter: named rules, each turns a class away or lets it pass
//	choose.go   the exact GPUs, remembered by layout and free GPUs
//	score.go    named terms with documented weights
//	round.go    one decision: every node counted by what turns it away
//	best.go     the best few nodes, through the orders of classes
//	explain.go  the decision in words; cures.go what would make it fit
//
// What a placement costs those who come later is the business of package
// outlook. Those who wait stand in lines of like requests (queue.go, turn.go);
// large ones have nodes kept for them (keep.go). Relieve proposes moves and
// stops that would make room (relief.go).
package scheduler
