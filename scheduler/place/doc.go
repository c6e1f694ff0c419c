// Package place decides where one request goes on a fleet as it stands: filter,
// score, choose, explain.
//
//	rules.go          hard rules: each turns a class of nodes away or lets it pass
//	score.go          named terms with documented weights; cost.go the opportunity cost
//	search.go         the best few nodes
//	gang.go           a replica that spans nodes: all ranks or none
//	explain.go        the decision in words; reasons.go why every other node is not it
//	cures.go          what would make it fit; remedies.go what that is for each rule
//	nearest.go        the nodes that lack least, for those who reserve or make room
//	requestclass.go   what every class of nodes is to a kind of request, found out once
//
// Requests that ask for the same are a RequestClass, and nodes that no request can
// tell apart are a fleet.Class. One is judged for the other when the two first meet:
//
//	              class 0    class 1    class 2
//	              8 free     6 free     2 free, cordoned
//	1 GPU         fits 17    fits 12    cordoned
//	8 GPUs        fits 4     no: free   no: cordoned
//
// A decision counts nodes by this table and walks the order of scores of its row.
// The plain way, to look at every node, gives the same answer (slowBest in the tests
// is 30 lines) in 1 ms on ten thousand nodes; the table is here for place_p50_us.
package place
