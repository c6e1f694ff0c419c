package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"

	"github.com/aim-engine/aim/internal/filelock"
)

// Open opens the store at an address: "sqlite:/path" or "postgres://...". A
// database that has nothing yet gets its tables.
func Open(ctx context.Context, address string) (Store, error) {
	switch scheme, rest, _ := strings.Cut(address, ":"); scheme {
	case "sqlite":
		return openSQLite(ctx, rest)
	case "postgres", "postgresql":
		return openPostgres(ctx, address)
	}
	return nil, fmt.Errorf("store %q: write sqlite:/path/to/store.db, or postgres://user@host/database", redact(address))
}

// openSQLite opens a file that no other process may have open: SQLite would
// share it, but not over NFS, and the order of changes is one process's here.
func openSQLite(ctx context.Context, path string) (Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	lock, err := filelock.At(path + ".lock").Try()
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("open store %s: %w; several control processes need PostgreSQL (setting control.store: postgres://user@host/database)", path, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	// One connection: writers would only wait for each other.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_txlock=immediate"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	db.SetMaxOpenConns(1)
	s := &database{db: db, name: "store " + path, placeholder: "?", release: lock.Release}
	if err := s.prepare(ctx, sqliteSchema); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openPostgres(ctx context.Context, address string) (Store, error) {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", redact(address), err)
	}
	db.SetMaxOpenConns(8)
	s := &database{db: db, name: "store " + redact(address), placeholder: "$", forUpdate: " FOR UPDATE", release: func() error { return nil }}
	if err := s.prepare(ctx, postgresSchema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// redact hides the password of an address.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(an address that cannot be read)"
	}
	return u.Redacted()
}

// isDuplicate tells whether an insert failed since the entry is there.
func isDuplicate(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505" // unique_violation
	}
	return err != nil && strings.Contains(err.Error(), "UNIQUE constraint failed")
}
