// Package activities holds every effect of a deployment, as Temporal
// activities. Each one can be asked again at any time: it looks first, acts,
// and confirms.
//
// Control's activities (type Control) run beside the scheduler. A node's (type
// Node) run on the node they act on and reach the outside through the small
// ports of ports.go:
//
//	node, err := activities.NewNode(ports, options)
//	node.Register(worker) // polls activities.NodeQueue(id)
//
// Failures carry a class (aim.Failure) and are not retried by Temporal: the
// workflow decides what they lead to. Any other error is an accident, and is
// retried.
package activities
