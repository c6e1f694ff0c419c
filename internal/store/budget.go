package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/aim-engine/aim/internal/limit"
)

// Draw gives out a part of a budget, as limit.Central does, and remembers it over
// a restart of control: what was drawn before counts until its window ends.
func (s *database) Draw(ctx context.Context, d limit.Draw) (grant limit.Grant, err error) {
	err = s.tx(ctx, "draw "+string(d.Kind), func(tx *sql.Tx) error {
		if d.Kind == limit.Concurrency {
			grant, err = s.drawHolding(ctx, tx, d)
			return err
		}
		grant, err = s.drawWindow(ctx, tx, d)
		return err
	})
	return grant, err
}

func (s *database) drawWindow(ctx context.Context, tx *sql.Tx, d limit.Draw) (limit.Grant, error) {
	starts := d.Window.Unix()
	made, err := tx.ExecContext(ctx, s.sql(`INSERT INTO budgets (owner, kind, starts, spent) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING`), d.Key, string(d.Kind), starts)
	if err != nil {
		return limit.Grant{}, err
	}
	if n, err := made.RowsAffected(); err == nil && n == 1 { // a new window: those long over can go
		_, err := tx.ExecContext(ctx, s.sql(`DELETE FROM budgets WHERE owner = $1 AND kind = $2 AND starts < $3`),
			d.Key, string(d.Kind), d.Window.Add(-48*time.Hour).Unix())
		if err != nil {
			return limit.Grant{}, err
		}
	}
	var spent int64
	err = tx.QueryRowContext(ctx, s.sql(`SELECT spent FROM budgets WHERE owner = $1 AND kind = $2 AND starts = $3`+s.forUpdate),
		d.Key, string(d.Kind), starts).Scan(&spent)
	if err != nil {
		return limit.Grant{}, err
	}
	granted := d.Of(d.Limit - spent)
	spent = max(0, spent+granted)
	_, err = tx.ExecContext(ctx, s.sql(`UPDATE budgets SET spent = $1 WHERE owner = $2 AND kind = $3 AND starts = $4`), spent, d.Key, string(d.Kind), starts)
	return limit.Grant{Granted: granted, Left: max(0, d.Limit-spent)}, err
}

func (s *database) drawHolding(ctx context.Context, tx *sql.Tx, d limit.Draw) (limit.Grant, error) {
	now := time.Now()
	// The row of the revision stands for the key's rows, of which there may be none.
	if _, err := tx.ExecContext(ctx, `SELECT revision FROM meta WHERE id = 1`+s.forUpdate); err != nil {
		return limit.Grant{}, err
	}
	_, err := tx.ExecContext(ctx, s.sql(`DELETE FROM holdings WHERE owner = $1 AND holder <> $2 AND until < $3`), d.Key, d.Holder, micros(now))
	if err != nil {
		return limit.Grant{}, err
	}
	var all, mine sql.NullInt64
	err = tx.QueryRowContext(ctx, s.sql(`SELECT SUM(held), SUM(CASE WHEN holder = $2 THEN held ELSE 0 END) FROM holdings WHERE owner = $1`), d.Key, d.Holder).Scan(&all, &mine)
	if err != nil {
		return limit.Grant{}, err
	}
	granted := d.Of(d.Limit - all.Int64)
	_, err = tx.ExecContext(ctx, s.sql(`INSERT INTO holdings (owner, holder, held, until) VALUES ($1, $2, $3, $4)
		ON CONFLICT (owner, holder) DO UPDATE SET held = excluded.held, until = excluded.until`),
		d.Key, d.Holder, max(0, mine.Int64+granted), micros(now.Add(limit.HoldFor)))
	return limit.Grant{Granted: granted, Left: max(0, d.Limit-all.Int64-granted)}, err
}
