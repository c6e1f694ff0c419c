package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// database is a Store in either of the two. Their SQL is the same but for how
// parameters are written and rows locked.
type database struct {
	db          *sql.DB
	name        string // for errors, without a password
	placeholder string // "$" for $1, "?" for ?1
	forUpdate   string // what locks the rows that are read
	release     func() error
}

func (s *database) prepare(ctx context.Context, schema string) error {
	if _, err := s.db.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("%s: make its tables: %w", s.name, err)
	}
	return nil
}

func (s *database) Close() error {
	return errors.Join(s.db.Close(), s.release())
}

// sql writes the parameters $1, $2 ... as the database wants them.
func (s *database) sql(query string) string {
	if s.placeholder == "$" {
		return query
	}
	return strings.ReplaceAll(query, "$", s.placeholder)
}

// tx runs f in a transaction.
func (s *database) tx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err == nil {
		if err = f(tx); err == nil {
			err = tx.Commit()
		} else {
			_ = tx.Rollback() // the first error is the one that tells
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", s.name, doing, err)
	}
	return nil
}

func micros(t time.Time) int64     { return t.UnixMicro() }
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

func (s *database) Create(ctx context.Context, by string, kind Kind, name string, value any) (int64, error) {
	return s.change(ctx, by, "create "+string(kind)+" "+name, func(tx *sql.Tx, revision int64) error {
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.sql(`INSERT INTO entries (kind, name, value, revision, changed) VALUES ($1, $2, $3, $4, $5)`),
			string(kind), name, string(data), revision, micros(time.Now()))
		if isDuplicate(err) {
			return ErrExists
		}
		return err
	})
}

func (s *database) Put(ctx context.Context, by string, kind Kind, name string, value any) (int64, error) {
	return s.change(ctx, by, "set "+string(kind)+" "+name, func(tx *sql.Tx, revision int64) error {
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.sql(`INSERT INTO entries (kind, name, value, revision, changed) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, revision = excluded.revision, changed = excluded.changed`),
			string(kind), name, string(data), revision, micros(time.Now()))
		return err
	})
}

func (s *database) Delete(ctx context.Context, by string, kind Kind, name string) (int64, error) {
	return s.change(ctx, by, "delete "+string(kind)+" "+name, func(tx *sql.Tx, _ int64) error {
		r, err := tx.ExecContext(ctx, s.sql(`DELETE FROM entries WHERE kind = $1 AND name = $2`), string(kind), name)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err == nil && n == 0 {
			return ErrNotFound
		}
		return nil
	})
}

// change makes one change with its revision and its line in the audit log. The row
// of the revision is locked first, so that changes have one order.
func (s *database) change(ctx context.Context, by, what string, f func(tx *sql.Tx, revision int64) error) (revision int64, err error) {
	err = s.tx(ctx, what, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE meta SET revision = revision + 1 WHERE id = 1 RETURNING revision`).Scan(&revision)
		if err != nil {
			return err
		}
		if err := f(tx, revision); err != nil {
			return err
		}
		return s.note(ctx, tx, by, what)
	})
	return revision, err
}

func (s *database) Get(ctx context.Context, kind Kind, name string) (Entry, error) {
	entries, err := s.entries(ctx, `kind = $1 AND name = $2`, string(kind), name)
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("%s %q: %w", kind, name, ErrNotFound)
	}
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

func (s *database) List(ctx context.Context, kind Kind) ([]Entry, error) {
	return s.entries(ctx, `kind = $1`, string(kind))
}

func (s *database) entries(ctx context.Context, where string, args ...any) ([]Entry, error) {
	var all []Entry
	err := s.rows(ctx, `SELECT kind, name, value, revision, changed FROM entries WHERE `+where+` ORDER BY name`, args, func(scan func(...any) error) error {
		var e Entry
		var value string
		var changed int64
		if err := scan(&e.Kind, &e.Name, &value, &e.Revision, &changed); err != nil {
			return err
		}
		e.Value, e.Changed = json.RawMessage(value), fromMicros(changed)
		all = append(all, e)
		return nil
	})
	return all, err
}

func (s *database) rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) error {
	rows, err := s.db.QueryContext(ctx, s.sql(query), args...)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

func (s *database) Revision(ctx context.Context) (revision int64, err error) {
	if err = s.db.QueryRowContext(ctx, `SELECT revision FROM meta WHERE id = 1`).Scan(&revision); err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return revision, err
}

func (s *database) Note(ctx context.Context, by, what string) error {
	return s.tx(ctx, what, func(tx *sql.Tx) error {
		// The lock of the revision is the lock of the chain.
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET revision = revision WHERE id = 1`); err != nil {
			return err
		}
		return s.note(ctx, tx, by, what)
	})
}

func (s *database) note(ctx context.Context, tx *sql.Tx, by, what string) error {
	var before AuditEntry
	err := tx.QueryRowContext(ctx, `SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1`).Scan(&before.Number, &before.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	e := AuditEntry{At: time.Now(), By: by, What: what}.follows(before)
	_, err = tx.ExecContext(ctx, s.sql(`INSERT INTO audit (number, at, who, what, before, hash) VALUES ($1, $2, $3, $4, $5, $6)`),
		e.Number, micros(e.At), e.By, e.What, e.Before, e.Hash)
	return err
}

func (s *database) Audit(ctx context.Context, after int64, most int) ([]AuditEntry, error) {
	var all []AuditEntry
	err := s.rows(ctx, `SELECT number, at, who, what, before, hash FROM audit WHERE number > $1 ORDER BY number LIMIT $2`,
		[]any{after, most}, func(scan func(...any) error) error {
			var e AuditEntry
			var at int64
			if err := scan(&e.Number, &at, &e.By, &e.What, &e.Before, &e.Hash); err != nil {
				return err
			}
			e.At = fromMicros(at)
			all = append(all, e)
			return nil
		})
	return all, err
}

func (s *database) AddUsage(ctx context.Context, requests []Usage) error {
	return s.tx(ctx, "count "+strconv.Itoa(len(requests))+" requests", func(tx *sql.Tx) error {
		for _, u := range requests {
			interrupted := 0
			if u.Interrupted {
				interrupted = 1
			}
			_, err := tx.ExecContext(ctx, s.sql(`INSERT INTO usage (id, at, owner, deployment, model, prompt, cached, completion, interrupted)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`),
				u.ID, micros(u.At), u.Key, u.Deployment, u.Model, u.Prompt, u.Cached, u.Completion, interrupted)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *database) SumUsage(ctx context.Context, by Grouping, from, to time.Time) ([]UsageSum, error) {
	column, ok := map[Grouping]string{ByKey: "owner", ByModel: "deployment", ByDay: "at / 86400000000"}[by]
	if !ok {
		return nil, fmt.Errorf("usage by %q: write key, model or day", by)
	}
	var all []UsageSum
	err := s.rows(ctx, `SELECT `+column+`, COUNT(*), CAST(SUM(prompt) AS BIGINT), CAST(SUM(cached) AS BIGINT), CAST(SUM(completion) AS BIGINT), CAST(SUM(interrupted) AS BIGINT)
		FROM usage WHERE at >= $1 AND at < $2 GROUP BY 1 ORDER BY 1`, []any{micros(from), micros(to)}, func(scan func(...any) error) error {
		var u UsageSum
		if err := scan(&u.Group, &u.Requests, &u.Prompt, &u.Cached, &u.Completion, &u.Interrupted); err != nil {
			return err
		}
		if by == ByDay {
			day, err := strconv.ParseInt(u.Group, 10, 64)
			if err != nil {
				return err
			}
			u.Group = time.Unix(day*86400, 0).UTC().Format(time.DateOnly)
		}
		all = append(all, u)
		return nil
	})
	return all, err
}
