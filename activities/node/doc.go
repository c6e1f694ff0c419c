// Package node carries out the activities of one machine, keeps its claims, and
// says what it has. It reaches the outside through the small ports of ports.go:
//
//	n := node.New(ctx, ports, options)
//	n.Register(worker) // polls activities.NodeQueue(id)
package node
