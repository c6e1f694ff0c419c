// Package route chooses the replica that answers a request, by what the request
// costs there:
//
//	cost = prompt tokens that wait or run there before their first token
//	     + prompt tokens of this request that its prefix cache does not have
//	     + 200 for every request that it has not finished
//
// Requests are no measure: a decode of minutes and one of a second count the
// same in "least outstanding", and most of a prompt that a replica has read
// before costs it nothing. Affinity follows from the second term and gives way
// to the first when a replica is behind; it is never a rule.
//
//	Pool      the replicas of one deployment, their load, and who waits for one
//	Lease     one request's hold on a replica, counted before it is sent
//	breaker   which failures keep a replica out, and for how long
//	prefixes  what a replica has probably in its prefix cache
//
// Time comes in through Options.Now, and nothing here speaks HTTP or NATS: a
// simulation runs the same type.
package route
