// Package store keeps what is neither a deployment nor a GPU: keys, aliases, added
// recipes, join tokens, revocations, the budgets that gateways draw from, usage,
// and the audit log. One interface over two databases:
//
//	SQLite      a file, opened by exactly one process (a lock says so); one control
//	PostgreSQL  for a fleet: several controls and gateways
//
//	s, err := store.Open(ctx, "sqlite:/var/lib/aim/store.db")
//	s, err := store.Open(ctx, "postgres://aim@db/aim")
//	rev, err := s.Put(ctx, "alice", store.Keys, "team-a", value)
//
// Every change is in the audit log, in the same transaction. Each entry of the log
// holds the hash of the one before it, so that none can be changed or taken out
// unseen.
package store
