// Package fleet is the nodes as placement sees them: what each last reported,
// what is assumed on top of that, and an index by which a decision costs the same
// on ten thousand nodes and on a hundred.
//
//	Hardware  what a node is by nature                      a handful in a fleet
//	Class     hardware and what is free on it               hundreds
//	Node      one machine; a change moves it to another class
//
// Nodes of one class are alike to every request so far, but for their names and
// for what lies on their disks; package place judges a class once and not each of
// its nodes:
//
//	n1 MI300X ....|....   ┐ class 0: eight free
//	n2 MI300X ....|....   ┘
//	n3 MI300X aa..|....   ─ class 1: six free, GPUs 2-7
//
//	n2 gets a claim on GPUs 0 and 1:  class 0 → class 1, a Change
//
// What tells nodes apart is only what somebody has asked for (discriminators.go).
//
// A placement that was proposed is assumed until the node shows its claim, refuses
// it, or time runs out (assume.go). A reservation collects what becomes free on a
// few nodes for one who waits (reservation.go).
//
// A Fleet is owned by one goroutine. It has no clock and does no I/O.
package fleet
