package join

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aim-engine/aim/internal/store"
)

// TokenLife is how long a token is good.
const TokenLife = time.Hour

// Token admits one machine once. What is kept of it does not open anything: its
// secret has 256 random bits, so that a plain SHA-256 says nothing about it.
type Token struct {
	ID      string    `json:"id"`
	Hash    string    `json:"hash"` // SHA-256 of the secret, in hex
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Used    *Use      `json:"-"` // an entry of its own, which only one can make
}

// Use is who a token has admitted.
type Use struct {
	Node string    `json:"node"`
	Key  string    `json:"key"` // SHA-256 of its public key, in hex
	At   time.Time `json:"at"`
}

// Refusal is why a token admits nobody: a sentence for who joins.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// The refusals. Who does not know the secret learns nothing about the token.
const (
	ErrUnknown Refusal = "the token is unknown here, or was revoked: ask whoever runs the fleet for another"
	ErrExpired Refusal = "the token has expired: ask whoever runs the fleet for another"
	ErrUsed    Refusal = "the token was used already, and admits one machine: ask whoever runs the fleet for another"
)

// Tokens are kept in a fleet's store.
type Tokens struct{ Store store.Store }

// Create makes a token; its secret is shown once and kept nowhere.
func (t Tokens) Create(ctx context.Context, by string, now time.Time) (_ Token, secret string, err error) {
	var id [6]byte
	var random [32]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(random[:])
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	token := Token{ID: hex.EncodeToString(id[:]), Hash: hashOf([]byte(secret)), Created: now.UTC(), Expires: now.UTC().Add(TokenLife)}
	if _, err := t.Store.Create(ctx, by, store.Tokens, token.ID, token); err != nil {
		return Token{}, "", fmt.Errorf("keep join token %s: %w", token.ID, err)
	}
	return token, secret, nil
}

// List are all tokens that were not revoked, with their uses.
func (t Tokens) List(ctx context.Context) ([]Token, error) {
	entries, err := t.Store.List(ctx, store.Tokens)
	if err != nil {
		return nil, fmt.Errorf("list join tokens: %w", err)
	}
	tokens := make([]Token, 0, len(entries))
	for _, e := range entries {
		var token Token
		if err := json.Unmarshal(e.Value, &token); err != nil {
			return nil, fmt.Errorf("read join token %s: %w", e.Name, err)
		}
		use, err := t.use(ctx, token.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			token.Used = &use
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// Revoke takes a token away. Its use stays on record, and so does the node.
func (t Tokens) Revoke(ctx context.Context, by, id string) error {
	if _, err := t.Store.Delete(ctx, by, store.Tokens, id); err != nil {
		return fmt.Errorf("revoke join token %s: %w", id, err)
	}
	return nil
}

// Spend uses a token up for a node and its key, or returns a Refusal. The same
// node with the same key may spend it again while it is in time. Of two who
// spend it at once, the store lets one make the entry.
func (t Tokens) Spend(ctx context.Context, id, secret string, u Use) error {
	entry, err := t.Store.Get(ctx, store.Tokens, id)
	if errors.Is(err, store.ErrNotFound) {
		return ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("look up join token %s: %w", id, err)
	}
	var token Token
	if err := json.Unmarshal(entry.Value, &token); err != nil {
		return fmt.Errorf("read join token %s: %w", id, err)
	}
	if subtle.ConstantTimeCompare([]byte(hashOf([]byte(secret))), []byte(token.Hash)) != 1 {
		return ErrUnknown
	}
	if !u.At.Before(token.Expires) {
		return ErrExpired
	}
	_, err = t.Store.Create(ctx, Name{Node, u.Node}.String(), store.Joins, id, u)
	if errors.Is(err, store.ErrExists) {
		before, err := t.use(ctx, id)
		if err != nil {
			return err
		}
		if before.Node != u.Node || before.Key != u.Key {
			return ErrUsed
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("spend join token %s: %w", id, err)
	}
	return nil
}

func (t Tokens) use(ctx context.Context, id string) (u Use, err error) {
	entry, err := t.Store.Get(ctx, store.Joins, id)
	if err == nil {
		err = json.Unmarshal(entry.Value, &u)
	}
	if err != nil {
		return Use{}, fmt.Errorf("look up the use of join token %s: %w", id, err)
	}
	return u, nil
}

func hashOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Invitation is all that a machine needs to join, in one word for a command line:
//
//	10.0.0.1:7070#ID.SECRET.FINGERPRINT
type Invitation struct {
	Address    string // host:port of the join server
	ID, Secret string
	CA         Fingerprint
}

func (i Invitation) String() string {
	return i.Address + "#" + i.ID + "." + i.Secret + "." + base64.RawURLEncoding.EncodeToString(i.CA[:])
}

// ParseInvitation reads what String wrote. Its errors do not repeat the secret.
func ParseInvitation(s string) (Invitation, error) {
	const cure = ": copy all of ADDRESS:PORT#TOKEN"
	address, token, found := strings.Cut(s, "#")
	if !found {
		return Invitation{}, errors.New("read the invitation: it has no token behind a #" + cure)
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return Invitation{}, fmt.Errorf("read the invitation: %q is not ADDRESS:PORT"+cure, address)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return Invitation{}, errors.New("read the invitation: its token does not have three parts" + cure)
	}
	fingerprint, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(fingerprint) != len(Fingerprint{}) {
		return Invitation{}, errors.New("read the invitation: the end of its token is missing or changed" + cure)
	}
	return Invitation{address, parts[0], parts[1], Fingerprint(fingerprint)}, nil
}
