package store

// The tables. Times are microseconds since 1970 UTC, so that both databases sort
// and sum them alike.
//
//	meta      one row: the revision
//	entries   by kind and name
//	budgets   what gateways have drawn of a key's window
//	holdings  what each gateway holds of a key's concurrency
//	usage     one row a request
//	audit     the chain
const tables = `
CREATE TABLE IF NOT EXISTS meta (id INTEGER PRIMARY KEY, revision BIGINT NOT NULL);
INSERT INTO meta (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS entries (
  kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, revision BIGINT NOT NULL, changed BIGINT NOT NULL,
  PRIMARY KEY (kind, name));
CREATE TABLE IF NOT EXISTS budgets (
  owner TEXT NOT NULL, kind TEXT NOT NULL, starts BIGINT NOT NULL, spent BIGINT NOT NULL,
  PRIMARY KEY (owner, kind, starts));
CREATE TABLE IF NOT EXISTS holdings (
  owner TEXT NOT NULL, holder TEXT NOT NULL, held BIGINT NOT NULL, until BIGINT NOT NULL,
  PRIMARY KEY (owner, holder));
CREATE TABLE IF NOT EXISTS usage (
  id TEXT PRIMARY KEY, at BIGINT NOT NULL, owner TEXT NOT NULL, deployment TEXT NOT NULL, model TEXT NOT NULL,
  prompt BIGINT NOT NULL, cached BIGINT NOT NULL, completion BIGINT NOT NULL, interrupted BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS usage_at ON usage (at);
CREATE TABLE IF NOT EXISTS audit (
  number BIGINT PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, before TEXT NOT NULL, hash TEXT NOT NULL);
`

const (
	sqliteSchema = tables
	// Two processes that start at once must not both make the tables.
	postgresSchema = "BEGIN; SELECT pg_advisory_xact_lock(7326531);" + tables + "COMMIT;"
)
