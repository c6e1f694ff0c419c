package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// sum is the hash that an entry must have.
func (e AuditEntry) sum() string {
	e.Hash = ""
	e.At = e.At.UTC()
	data, _ := json.Marshal(e) // plain fields always can be
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// follows makes the entry after another; the zero entry stands before the first.
func (e AuditEntry) follows(before AuditEntry) AuditEntry {
	e.Number, e.Before = before.Number+1, before.Hash
	e.At = e.At.UTC().Truncate(time.Microsecond) // what PostgreSQL keeps
	e.Hash = e.sum()
	return e
}

// VerifyAudit reads the whole audit log and checks the chain. It returns how many
// entries hold; the error names the first that does not.
func VerifyAudit(ctx context.Context, s Store) (int64, error) {
	const page = 1000
	var last AuditEntry
	for {
		entries, err := s.Audit(ctx, last.Number, page)
		if err != nil {
			return last.Number, err
		}
		for _, e := range entries {
			switch {
			case e.Number != last.Number+1:
				return last.Number, fmt.Errorf("entry %d of the audit log is missing", last.Number+1)
			case e.Before != last.Hash:
				return last.Number, fmt.Errorf("entry %d of the audit log does not follow the one before it: one of them was changed", e.Number)
			case e.Hash != e.sum():
				return last.Number, fmt.Errorf("entry %d of the audit log was changed", e.Number)
			}
			last = e
		}
		if len(entries) < page {
			return last.Number, nil
		}
	}
}
