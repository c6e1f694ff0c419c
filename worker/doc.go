// Package worker puts one process together: NewControl, NewNode and NewGateway connect to
// Temporal and NATS, wire the ports, and run the loops until their context
// ends.
//
//	node, err := worker.NewNode(ctx, cfg, log)
//	if err != nil {
//		return err // says what could not be reached and what to do
//	}
//	return node.Run(ctx)
package worker
