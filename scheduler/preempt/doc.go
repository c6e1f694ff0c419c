// Package preempt makes room for a request that fits nowhere: it plans which replicas
// move to other nodes, or, lowest priority first, stop.
//
//	n1 aaaa|b...   wanted: 4 GPUs together, in one NUMA node or two
//	n2 cccc|dd..   plan:   move b/0 to n2
//
// Moving comes before stopping, stopping a lower priority before a higher one, few
// GPUs before many. Nobody is stopped for one of equal priority, nor below the
// min_available of its deployment; where that alone forbids it, the plan says whose
// minimum it is. Every move goes where there is room now, so that the new replica can
// be proven before the old one stops.
package preempt
