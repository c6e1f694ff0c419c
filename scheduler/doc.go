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
// It runs in four steps, a file each:
//
//	rules.go    filter: named rules, each turns a node away or lets it pass
//	choose.go   the exact GPUs on every node that is left
//	score.go    one number a node, from named terms
//	explain.go  every node accounted for; cures.go what would make it fit
//
// Scheduler is the same decision over a fleet that changes: it keeps what each
// node last reported, counts what it has proposed but not yet seen claimed, and
// holds the order of those who wait. It has no clock, no I/O and no goroutine;
// one goroutine owns it and passes the time in:
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
package scheduler
