// Package bench is the folder of all benches, in a module of its own: what it
// takes to measure the program is no load of the program. Each prints its
// figures on stdout, one JSON line each, and everything else on stderr.
//
//	engine/  `make bench`: the program's own figures
//	fleet/   `make bench-fleet`: what a fleet and its users see
//	trace/   `make bench-trace`: how well placement fills a fleet
//	peers/   `make bench-peers`: kube-scheduler beside ours; another module below
//	         this one, so that nobody else compiles Kubernetes
//	gateway/ `make bench-gateway`: the gateway beside nginx, and what it promises of failures
//	replay/  traces and churn, and published policies to replay them with
//	canned/  the workflows over activities that answer at once
//	figure/  the line that is printed for each figure
package bench
