// Package access is the words of who may ask what at the gateway: keys, aliases,
// and what a gateway is told of deployments. Control keeps them, gateways read
// them.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/limit"
)

// Key of a client. What opens the gateway is shown once and kept nowhere: it has
// 256 random bits, so that its plain SHA-256 says nothing about it.
type Key struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Hash   string   `json:"hash"`             // SHA-256 of the secret, in hex
	Models []string `json:"models,omitempty"` // names or patterns (path.Match); none = all
	// Expires is when it opens nothing any more; zero = never.
	Expires time.Time `json:"expires,omitzero"`
	// Priority among requests that wait for a replica; larger goes first.
	Priority int          `json:"priority,omitempty"`
	Limits   limit.Limits `json:"limits,omitzero"`
	Created  time.Time    `json:"created"`
}

// secretPrefix lets scanners of repositories know a key when they see one.
const secretPrefix = "aim-"

// NewSecret makes a secret and puts its hash into the key.
func (k *Key) NewSecret() (secret string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	k.Hash = HashOf(secret)
	return secret
}

// NewID makes an id, which stays when the key gets another secret.
func NewID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// HashOf is how a secret is looked up.
func HashOf(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// May tells whether the key may use a model under this name.
func (k *Key) May(name string) bool {
	return len(k.Models) == 0 || slices.ContainsFunc(k.Models, func(pattern string) bool {
		if pattern == name || pattern == "*" {
			return true
		}
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// Validate says what is wrong with a key that somebody asks for.
func (k *Key) Validate(now time.Time) error {
	if !aim.IsLabel(k.Name) {
		return fmt.Errorf("key name %q: use lower-case letters, digits and dashes", k.Name)
	}
	for _, m := range k.Models {
		if _, err := path.Match(m, ""); err != nil || m == "" {
			return fmt.Errorf("model %q of key %s: not a name or a pattern such as org/*", m, k.Name)
		}
	}
	for what, n := range map[string]int64{"rpm": k.Limits.RPM, "tpm": k.Limits.TPM, "concurrency": k.Limits.Concurrency, "daily_tokens": k.Limits.DailyTokens} {
		if n < 0 {
			return fmt.Errorf("%s of key %s: %d is below zero; leave it out for no limit", what, k.Name, n)
		}
	}
	if !k.Expires.IsZero() && !k.Expires.After(now) {
		return fmt.Errorf("key %s would expire at once (%s)", k.Name, k.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// Alias is a name that an operator gave to one deployment or to several by weight:
// chat=qwen3-32b:90,qwen3-32b-new:10.
type Alias struct {
	Name string   `json:"name"`
	To   []Weight `json:"to"`
}

// Weight is a share of an alias. A share of 0 is only ever a fallback.
type Weight struct {
	Name   string `json:"name"`
	Weight int    `json:"weight"`
}

// ParseAlias reads NAME=TO[:WEIGHT][,TO[:WEIGHT]...]. A weight that is not given
// is 1.
func ParseAlias(text string) (Alias, error) {
	name, shares, ok := strings.Cut(text, "=")
	a := Alias{Name: name}
	if !ok || name == "" || shares == "" {
		return a, fmt.Errorf("alias %q: write NAME=DEPLOYMENT or NAME=DEPLOYMENT:WEIGHT,DEPLOYMENT:WEIGHT", text)
	}
	for share := range strings.SplitSeq(shares, ",") {
		w := Weight{Name: share, Weight: 1}
		if i := strings.LastIndexByte(share, ':'); i >= 0 {
			w.Name = share[:i]
			if _, err := fmt.Sscanf(share[i+1:]+"\n", "%d\n", &w.Weight); err != nil || w.Weight < 0 {
				return a, fmt.Errorf("alias %s: weight %q is not a whole number from 0 up", name, share[i+1:])
			}
		}
		if w.Name == "" {
			return a, fmt.Errorf("alias %s: a share without a name", name)
		}
		a.To = append(a.To, w)
	}
	return a, nil
}

// ErrCircle is the error of aliases that lead back to themselves.
var ErrCircle = errors.New("it leads back to itself")

// CheckCircle refuses an alias that, beside the others, would lead to itself.
func CheckCircle(a Alias, others []Alias) error {
	to := map[string][]Weight{}
	for _, o := range others {
		to[o.Name] = o.To
	}
	to[a.Name] = a.To
	seen := map[string]bool{}
	var follow func(name string) bool
	follow = func(name string) bool {
		for _, w := range to[name] {
			if w.Name == a.Name {
				return true
			}
			if !seen[w.Name] {
				seen[w.Name] = true
				if follow(w.Name) {
					return true
				}
			}
		}
		return false
	}
	if follow(a.Name) {
		return fmt.Errorf("alias %s: %w", a.Name, ErrCircle)
	}
	return nil
}

// Deployment is what a gateway knows of one besides its replicas.
type Deployment struct {
	Name     string    `json:"name"`
	Model    string    `json:"model"`  // as it was deployed
	Serves   string    `json:"serves"` // name to use in requests
	Adapters []string  `json:"adapters,omitempty"`
	Task     string    `json:"task,omitempty"`          // generate, embed, rerank, score; "" = generate
	Context  int       `json:"max_model_len,omitempty"` // tokens; 0 = not known
	Phase    aim.Phase `json:"phase"`
	Reason   string    `json:"reason,omitempty"`
	Replicas int       `json:"replicas"` // wanted
}

// Snapshot is all that a gateway is told. Version grows with every change, within
// one control process.
type Snapshot struct {
	Version     int64        `json:"version"`
	Keys        []Key        `json:"keys"`
	Aliases     []Alias      `json:"aliases"`
	Deployments []Deployment `json:"deployments"`
}
