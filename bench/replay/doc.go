// Package replay measures how well placement uses a fleet, beside policies that
// others have published, on the same arrivals.
//
// Replay follows the protocol of the paper that introduced FGD (Weng et al.,
// "Beware of Fragmentation", USENIX ATC 2023): tasks arrive one by one, none
// leaves, every task that fits must be placed, and what counts is the share of
// all GPUs that is allocated when demand has reached a given percentage of them.
// Churn is the test for serving: Poisson arrivals, exponential lifetimes, and
// what counts is the share of the GPU demand that is accepted.
//
//	trace, err := replay.Read("nodes.csv", "pods.csv")
//	curve := replay.Replay(trace, 42, replay.Ours())
//	fmt.Println(curve.At(95)) // percent of the fleet's GPUs
//
// Ours is the real scheduler through its public methods; it learns the mix of
// tasks while they arrive. The rivals are written from their definitions on a
// small model of a node of their own, and FGD is told the mix beforehand.
package replay
