// Package activities is the contract between the durable story and the programs
// that carry it out: the names of activities and queues, one request and one
// result for each, the questions that a node answers directly, and how a failure
// travels.
//
// Package control does what runs beside the scheduler, package node what runs on
// the node it acts on. Each activity can be asked for again at any time: it looks
// first, acts, and confirms.
//
// Failures carry a class (aim.Failure) and are not retried by Temporal: the
// workflow decides what they lead to. Any other error is an accident, and is
// retried.
package activities
