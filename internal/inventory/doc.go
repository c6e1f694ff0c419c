// Package inventory is how facts come up: what nodes say about themselves, who
// is alive, and answers to questions, all over NATS. Nothing in it is durable
// and nothing decides who holds a GPU; that is the node's own ledger. Without
// NATS nothing new is placed, and everything that serves goes on serving.
//
// A node broadcasts a beat of 48 bytes four times a second and a full snapshot
// when something changed:
//
//	conn, err := inventory.Connect(ctx, settings.NATS{URL: url}, inventory.NodeName(id), log)
//	p, err := inventory.NewPublisher(conn, id, epoch, inventory.PublisherOptions{Answer: answer})
//	go p.Run(ctx)      // until ctx ends; then it says goodbye
//	p.Publish(node)    // after every look at the machine
//
// Control keeps the fleet in memory and judges who is alive:
//
//	v := inventory.NewView(conn, inventory.ViewOptions{})
//	go v.Run(ctx)
//	fleet := v.Fleet()
//
// A command line asks:
//
//	answer, err := inventory.AskFleet(ctx, conn)
//	log, err := inventory.Ask(ctx, conn, "n3", "logs", payload)
//
// What is where:
//
//	subjects.go   every subject
//	beat.go       the beat and its bytes; snapshot.go the snapshot and its JSON
//	content.go    which changes are worth telling
//	publisher.go  the node's side, with what it says in speak.go and what it is
//	              told in listen.go
//	tracker.go    control's side as a state machine without clock and network,
//	              with liveness.go, rivals.go, guard.go and brake.go as its parts
//	view.go       the tracker on real NATS and real time; hear.go what comes in,
//	              look.go what callers see
//	stream.go     questions, and answers in pieces
package inventory
