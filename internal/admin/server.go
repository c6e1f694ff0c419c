package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
	"github.com/aim-engine/aim/internal/store"
)

// Server answers for a store. It is an http.Handler; Run keeps it up to date.
type Server struct {
	store store.Store
	token string
	log   *slog.Logger
	mux   *http.ServeMux

	mu       sync.Mutex
	snapshot access.Snapshot
	revision int64         // of the store that the snapshot shows
	changed  chan struct{} // closed at the next change
}

const (
	// lookEvery is how often the store is asked whether another control has changed
	// it; changes through this one show at once.
	lookEvery = 500 * time.Millisecond
	// waitAtMost is how long a gateway's question waits for a change.
	waitAtMost = 20 * time.Second
	maxBody    = 8 << 20
)

// NewServer makes a server that takes this token.
func NewServer(s store.Store, token string, log *slog.Logger) *Server {
	a := &Server{store: s, token: token, log: log, mux: http.NewServeMux(), changed: make(chan struct{})}
	for pattern, f := range map[string]func(*http.Request) (any, error){
		"GET /admin/v1/gateway":              a.gateway,
		"POST /admin/v1/draw":                a.draw,
		"POST /admin/v1/usage":               a.addUsage,
		"GET /admin/v1/usage":                a.sumUsage,
		"GET /admin/v1/keys":                 a.listKeys,
		"POST /admin/v1/keys":                a.createKey,
		"GET /admin/v1/keys/{name}":          a.showKey,
		"DELETE /admin/v1/keys/{name}":       a.revokeKey,
		"POST /admin/v1/keys/{name}/rotate":  a.rotateKey,
		"GET /admin/v1/aliases":              a.listAliases,
		"PUT /admin/v1/aliases/{name...}":    a.setAlias,
		"DELETE /admin/v1/aliases/{name...}": a.deleteAlias,
		"GET /admin/v1/audit":                a.audit,
		"GET /admin/v1/audit/verify":         a.verifyAudit,
	} {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { a.answer(w, r, f) })
	}
	return a
}

// ServeHTTP answers one request.
func (a *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(given), []byte(a.token)) != 1 && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
		writeError(w, http.StatusUnauthorized, errors.New("control's administration needs its token (the file admin.token in control's folder) or a certificate"))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a.mux.ServeHTTP(w, r)
}

// Run looks for changes by others until ctx ends.
func (a *Server) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing := false
	for {
		err := a.refresh(ctx, false)
		if (err != nil) != failing && ctx.Err() == nil { // once a change, not twice a second
			failing = err != nil
			a.log.Warn("the store of keys", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// SetDeployments takes what gateways are told of deployments.
func (a *Server) SetDeployments(all []access.Deployment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, _ := json.Marshal(a.snapshot.Deployments)
	if now, _ := json.Marshal(all); string(now) == string(before) {
		return
	}
	a.snapshot.Deployments = all
	a.tell()
}

// tell wakes the gateways that wait. The lock is held.
func (a *Server) tell() {
	a.snapshot.Version++
	close(a.changed)
	a.changed = make(chan struct{})
}

// refresh reads keys and aliases where the store has changed.
func (a *Server) refresh(ctx context.Context, must bool) error {
	revision, err := a.store.Revision(ctx)
	if err != nil {
		return err
	}
	a.mu.Lock()
	known := a.revision == revision && a.snapshot.Version > 0
	a.mu.Unlock()
	if known && !must {
		return nil
	}
	keys, err := list[access.Key](ctx, a.store, store.Keys)
	if err != nil {
		return err
	}
	aliases, err := list[access.Alias](ctx, a.store, store.Aliases)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if revision < a.revision {
		return nil // somebody was quicker
	}
	a.revision, a.snapshot.Keys, a.snapshot.Aliases = revision, keys, aliases
	a.tell()
	return nil
}

func list[T any](ctx context.Context, s store.Store, kind store.Kind) ([]T, error) {
	entries, err := s.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	all := make([]T, 0, len(entries))
	for _, e := range entries {
		var v T
		if err := json.Unmarshal(e.Value, &v); err != nil {
			return nil, fmt.Errorf("%s %s in the store: %w", kind, e.Name, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// gateway answers with the snapshot, when it is newer than the one the gateway has.
func (a *Server) gateway(r *http.Request) (any, error) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	timeout := time.After(waitAtMost)
	for {
		a.mu.Lock()
		snapshot, changed := a.snapshot, a.changed
		a.mu.Unlock()
		if snapshot.Version != after && snapshot.Version > 0 {
			return snapshot, nil
		}
		select {
		case <-changed:
		case <-timeout:
			return snapshot, nil // the same again: control is there
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func (a *Server) draw(r *http.Request) (any, error) {
	var d limit.Draw
	if err := read(r, &d); err != nil {
		return nil, err
	}
	return a.store.Draw(r.Context(), d)
}

func (a *Server) addUsage(r *http.Request) (any, error) {
	var requests []store.Usage
	if err := read(r, &requests); err != nil {
		return nil, err
	}
	return struct{}{}, a.store.AddUsage(r.Context(), requests)
}

func (a *Server) sumUsage(r *http.Request) (any, error) {
	q := r.URL.Query()
	from, err := timeOf(q.Get("from"), time.Unix(0, 0))
	if err != nil {
		return nil, err
	}
	to, err := timeOf(q.Get("to"), time.Now().Add(time.Hour))
	if err != nil {
		return nil, err
	}
	sums, err := a.store.SumUsage(r.Context(), store.Grouping(q.Get("by")), from, to)
	if sums == nil {
		sums = []store.UsageSum{}
	}
	return sums, err
}

func timeOf(text string, absent time.Time) (time.Time, error) {
	if text == "" {
		return absent, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, &mistake{http.StatusBadRequest, fmt.Errorf("time %q: write it as 2026-01-02T15:04:05Z", text)}
	}
	return t, nil
}

func (a *Server) audit(r *http.Request) (any, error) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	entries, err := a.store.Audit(r.Context(), after, 1000)
	if entries == nil {
		entries = []store.AuditEntry{}
	}
	return entries, err
}

// Verified is the answer of the check of the audit log.
type Verified struct {
	Entries int64  `json:"entries"`          // that hold
	Broken  string `json:"broken,omitempty"` // what is wrong with the next one
}

func (a *Server) verifyAudit(r *http.Request) (any, error) {
	n, err := store.VerifyAudit(r.Context(), a.store)
	v := Verified{Entries: n}
	if err != nil {
		v.Broken = err.Error()
	}
	return v, nil
}

// mistake is an error of who asks.
type mistake struct {
	status int
	error
}

func (m *mistake) Unwrap() error { return m.error }

func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &mistake{http.StatusBadRequest, fmt.Errorf("the body cannot be read: %w", err)}
	}
	return nil
}

// who says who asks, for the audit log; the token proves that it may.
func who(r *http.Request) string {
	name := r.Header.Get(actorHeader)
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "admin"
	}
	return name
}

const actorHeader = "X-Aim-Actor"

func (a *Server) answer(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	value, err := f(r)
	var m *mistake
	switch {
	case errors.As(err, &m):
		writeError(w, m.status, err)
	case errors.Is(err, store.ErrNotFound):
		writeError(w, http.StatusNotFound, err)
	case errors.Is(err, store.ErrExists):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusServiceUnavailable, err)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value) // who asked has left
	}
}

func writeError(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // who asked has left
}
