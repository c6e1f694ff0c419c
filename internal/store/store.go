package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aim-engine/aim/internal/limit"
)

// Kind of entry.
type Kind string

// The kinds of entries.
const (
	Keys        Kind = "key"        // of clients of the gateway, by name
	Aliases     Kind = "alias"      // of models
	Recipes     Kind = "recipe"     // added at run time
	Tokens      Kind = "token"      // that nodes join with
	Revocations Kind = "revocation" // of certificates
)

// Entry is one thing that is kept.
type Entry struct {
	Kind     Kind            `json:"kind"`
	Name     string          `json:"name"`
	Value    json.RawMessage `json:"value"`
	Revision int64           `json:"revision"` // of the store at its last change
	Changed  time.Time       `json:"changed"`
}

// Errors of all stores.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	// ErrLocked is the error of opening a SQLite store that another process has.
	ErrLocked = errors.New("another process has it open")
)

// Store is one database. All methods may be called at any time, from any goroutine.
// An error that is none of the above means that the database could not be asked.
type Store interface {
	// Create adds an entry that is not there yet, Put adds or replaces one, Delete
	// takes one away; by says who does it, for the audit log. They return the
	// store's new revision.
	Create(ctx context.Context, by string, kind Kind, name string, value any) (int64, error)
	Put(ctx context.Context, by string, kind Kind, name string, value any) (int64, error)
	Delete(ctx context.Context, by string, kind Kind, name string) (int64, error)
	// Get is one entry, List are those of a kind by name.
	Get(ctx context.Context, kind Kind, name string) (Entry, error)
	List(ctx context.Context, kind Kind) ([]Entry, error)
	// Revision grows with every change of any entry.
	Revision(ctx context.Context) (int64, error)

	// Source gives out the budgets of keys to gateways.
	limit.Source

	// AddUsage counts requests; one whose id was counted already changes nothing.
	AddUsage(ctx context.Context, requests []Usage) error
	// SumUsage sums what was used in [from, to), grouped as asked.
	SumUsage(ctx context.Context, by Grouping, from, to time.Time) ([]UsageSum, error)

	// Note writes to the audit log what changed no entry: a refusal, a restore.
	Note(ctx context.Context, by, what string) error
	// Audit reads up to most entries of the audit log after a number.
	Audit(ctx context.Context, after int64, most int) ([]AuditEntry, error)

	Close() error
}

// Usage is one request of a gateway's client.
type Usage struct {
	ID          string    `json:"id"` // of the gateway's own making: counted once
	At          time.Time `json:"at"` // when it began
	Key         string    `json:"key"`
	Deployment  string    `json:"deployment"`
	Model       string    `json:"model"`
	Prompt      int64     `json:"prompt_tokens"`
	Cached      int64     `json:"cached_tokens"`
	Completion  int64     `json:"completion_tokens"`
	Interrupted bool      `json:"interrupted"`
}

// Grouping of sums.
type Grouping string

// Sums may be by key, by model, or by UTC day.
const (
	ByKey   Grouping = "key"
	ByModel Grouping = "model"
	ByDay   Grouping = "day"
)

// UsageSum is the usage of one group.
type UsageSum struct {
	Group       string `json:"group"`
	Requests    int64  `json:"requests"`
	Prompt      int64  `json:"prompt_tokens"`
	Cached      int64  `json:"cached_tokens"`
	Completion  int64  `json:"completion_tokens"`
	Interrupted int64  `json:"interrupted"`
}

// AuditEntry is one line of the audit log.
type AuditEntry struct {
	Number int64     `json:"number"` // from 1, without gaps
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	What   string    `json:"what"`
	Before string    `json:"before"` // hash of the entry before, "" for the first
	Hash   string    `json:"hash"`   // SHA-256 over all of the above
}
