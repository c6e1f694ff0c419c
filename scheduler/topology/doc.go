// Package topology chooses the exact GPUs within one machine: those that reach
// each other over xGMI, in few NUMA nodes, so that what is left over stays whole.
//
// It knows one machine and no fleet. GPUs of one Kind may serve a replica
// together; a Layout is how they lie, and its Choose finds the best n of those
// that are free.
package topology
