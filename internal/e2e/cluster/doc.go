// Package cluster runs the program on engines as a production has them: Temporal as two
// frontends and two processes of history and matching on PostgreSQL, and three NATS
// servers, each at an address of its own on loopback, in a namespace that aim setup has
// made: make test-cluster.
package cluster
