// The bench of peers measures single placement decisions of kube-scheduler, the real
// one, in this process, and beside it ours, on the same fleet and the same
// requests:
//
//	make bench-peers
//	make bench-peers ARGS="-nodes 100,1000,10000 -decisions 5000"
//
// Nodes have eight GPUs; requests for 1, 1, 1, 1, 2, 2, 4 or 8 of them come, and
// others end at random, so that 50 % and then 95 % of the fleet stay taken. Each
// scheduler fills a fleet of its own, by its own choices, and is measured there.
// Of several rounds the best counts, because others may use the machine too.
//
// Each figure is one JSON line on stdout, for the largest fleet and the worse of
// the two fills; "against" is ours where the figure is the peer's:
//
//	{"name":"kube_place_p50_us","value":18802,"unit":"us","against":2.2}
//
// The table of all fleets is on stderr. It exits 0 whoever is faster. The default
// takes seven minutes on two busy cores, nearly all of them kube-scheduler's.
//
// What is compared is the choice alone. Of kube-scheduler that is ScheduleOne:
// next pod, snapshot, filters, scores, assume, reserve; all default plugins, the
// default sample of nodes, 16 goroutines over all cores. Its binding runs outside the clock, against a client
// that agrees at once, and there is no API server. It counts GPUs as an extended
// resource and leaves to the node which ones. Ours is Place of package scheduler
// on one core: every node looked at and accounted for, exact GPUs, assumed. A
// request that fits nowhere is a decision too, on both sides.
//
// This is a module of its own, so that only those who run it compile Kubernetes:
//
//	workload.go  requests that come and go, and the clock
//	ours.go      package scheduler as an engine
//	kube.go      kube-scheduler as an engine; objects.go its nodes and pods
//	report.go    figures and table
package main
