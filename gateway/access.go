package gateway

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/aim-engine/aim/internal/access"
)

// Access is who may ask, and under which names: a copy of what the store holds.
type Access struct {
	// Open asks for no key at all; only a gateway on loopback is open.
	Open    bool
	Keys    []access.Key
	Aliases []access.Alias
	// Until is when the copy is too old to let anybody in: a key may have been
	// revoked since. Zero = never.
	Until time.Time

	byHash map[string]*access.Key
}

func (a Access) indexed() *Access {
	a.byHash = make(map[string]*access.Key, len(a.Keys))
	for i := range a.Keys {
		a.byHash[a.Keys[i].Hash] = &a.Keys[i]
	}
	return &a
}

// KeyLease is how long a gateway goes by the keys it knows while it hears nothing
// of control.
const KeyLease = 60 * time.Second

// anybody is who asks an open gateway.
var anybody = &access.Key{ID: "", Name: "anybody"}

// identify finds the key of a request. It may stand in Authorization, as OpenAI's
// clients send it, or in X-Api-Key, as Anthropic's do; never in the URL, which
// ends up in logs.
func (a *Access) identify(r *http.Request, now time.Time) (*access.Key, *apiError) {
	if a.Open {
		return anybody, nil
	}
	given := strings.TrimSpace(r.Header.Get("Authorization"))
	if scheme, token, ok := strings.Cut(given, " "); ok && strings.EqualFold(scheme, "Bearer") {
		given = strings.TrimSpace(token)
	} else {
		given = ""
	}
	given = cmp.Or(given, r.Header.Get("X-Api-Key"))
	if given == "" {
		return nil, denied("", "you must provide an API key in the header Authorization: Bearer KEY")
	}
	if !a.Until.IsZero() && now.After(a.Until) {
		return nil, unavailable(5*time.Second, "this gateway has not heard from control since %s and cannot tell which API keys are still good",
			a.Until.Add(-KeyLease).UTC().Format(time.RFC3339))
	}
	// The key is found by a hash that nobody can aim, so that the time it takes
	// tells nothing about it.
	key, ok := a.byHash[access.HashOf(given)]
	if !ok {
		return nil, denied("invalid_api_key", "the API key is not known or was revoked; ask an operator for one (aim key create)")
	}
	if !key.Expires.IsZero() && !now.Before(key.Expires) {
		return nil, denied("expired_api_key", "the API key has expired at "+key.Expires.UTC().Format(time.RFC3339))
	}
	return key, nil
}

func denied(code, message string) *apiError {
	return &apiError{status: http.StatusUnauthorized, kind: "authentication_error", code: code, message: message}
}
