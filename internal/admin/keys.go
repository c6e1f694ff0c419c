package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/store"
)

// NewKey is a key with what opens the gateway: shown once, and kept nowhere.
type NewKey struct {
	access.Key
	Secret string `json:"secret"`
}

func (a *Server) listKeys(r *http.Request) (any, error) {
	return list[access.Key](r.Context(), a.store, store.Keys)
}

func (a *Server) key(r *http.Request) (k access.Key, err error) {
	e, err := a.store.Get(r.Context(), store.Keys, r.PathValue("name"))
	if err != nil {
		return k, err
	}
	return k, json.Unmarshal(e.Value, &k)
}

func (a *Server) showKey(r *http.Request) (any, error) { return a.key(r) }

func (a *Server) createKey(r *http.Request) (any, error) {
	var k access.Key
	if err := read(r, &k); err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	if err := k.Validate(now); err != nil {
		return nil, &mistake{http.StatusBadRequest, err}
	}
	k.ID, k.Created = access.NewID(), now.Truncate(time.Second)
	made := NewKey{Secret: k.NewSecret(), Key: k}
	made.Key.Hash = k.Hash
	if _, err := a.store.Create(r.Context(), who(r), store.Keys, k.Name, k); err != nil {
		return nil, err
	}
	return made, a.refresh(r.Context(), true)
}

// rotateKey gives a key another secret; the one before opens nothing any more.
func (a *Server) rotateKey(r *http.Request) (any, error) {
	k, err := a.key(r)
	if err != nil {
		return nil, err
	}
	made := NewKey{Secret: k.NewSecret()}
	made.Key = k
	if _, err := a.store.Put(r.Context(), who(r), store.Keys, k.Name, k); err != nil {
		return nil, err
	}
	return made, a.refresh(r.Context(), true)
}

func (a *Server) revokeKey(r *http.Request) (any, error) {
	if _, err := a.store.Delete(r.Context(), who(r), store.Keys, r.PathValue("name")); err != nil {
		return nil, err
	}
	return struct{}{}, a.refresh(r.Context(), true)
}

func (a *Server) listAliases(r *http.Request) (any, error) {
	return list[access.Alias](r.Context(), a.store, store.Aliases)
}

func (a *Server) setAlias(r *http.Request) (any, error) {
	var alias access.Alias
	if err := read(r, &alias); err != nil {
		return nil, err
	}
	if alias.Name != r.PathValue("name") || alias.Name == "" || len(alias.To) == 0 {
		return nil, &mistake{http.StatusBadRequest, fmt.Errorf("alias %q: it needs a name and where it leads", alias.Name)}
	}
	others, err := list[access.Alias](r.Context(), a.store, store.Aliases)
	if err != nil {
		return nil, err
	}
	if err := access.CheckCircle(alias, others); err != nil {
		return nil, &mistake{http.StatusBadRequest, err}
	}
	if _, err := a.store.Put(r.Context(), who(r), store.Aliases, alias.Name, alias); err != nil {
		return nil, err
	}
	return alias, a.refresh(r.Context(), true)
}

func (a *Server) deleteAlias(r *http.Request) (any, error) {
	if _, err := a.store.Delete(r.Context(), who(r), store.Aliases, r.PathValue("name")); err != nil {
		return nil, err
	}
	return struct{}{}, a.refresh(r.Context(), true)
}
