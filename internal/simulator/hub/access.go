package hub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aim-engine/aim"
)

// idPattern is what the hub takes for a model id.
var idPattern = aim.Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)

// find looks a model up as the asking account sees it; it answers with a refusal
// itself and returns ok false where there is nothing to see.
func (s *Server) find(w http.ResponseWriter, r *http.Request, id, revision string) (m Model, ok bool) {
	token := bearer(r)
	if token != "" && len(s.config.Tokens) > 0 && !slices.Contains(s.config.Tokens, token) {
		refuse(w, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
		return Model{}, false
	}
	if idPattern().MatchString(id) {
		m, ok = s.config.Lookup(id)
	}
	if !ok || m.Private && token == "" {
		refuse(w, http.StatusNotFound, "RepoNotFound", "Repository not found")
		return Model{}, false
	}
	m.id = id
	if !m.hasRevision(revision) {
		refuse(w, http.StatusNotFound, "RevisionNotFound", fmt.Sprintf("Invalid rev id: %s", revision))
		return Model{}, false
	}
	return m, true
}

// admit lets those who have accepted the licence read the files of a gated
// model. The real hub, too, describes such a model to everybody.
func admit(w http.ResponseWriter, r *http.Request, m Model) bool {
	token := bearer(r)
	switch {
	case !m.Gated || slices.Contains(m.Readers, token):
		return true
	case token == "":
		refuse(w, http.StatusUnauthorized, "GatedRepo", fmt.Sprintf("Access to model %s is restricted. Please log in.", m.id))
	default:
		refuse(w, http.StatusForbidden, "GatedRepo", fmt.Sprintf("Access to model %s is restricted and you are not in the authorized list.", m.id))
	}
	return false
}

// bearer is the token of a request, "" without one.
func bearer(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// refuse answers with an error in the hub's form.
func refuse(w http.ResponseWriter, status int, code, message string) {
	if code != "" {
		w.Header().Set("X-Error-Code", code)
	}
	w.Header().Set("X-Error-Message", message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": message})
}
