package hub

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// Only the hub's own code says that a model is gated or absent.
func TestARefusalWithoutTheHubsCodeIsToldAsItIs(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		token  string
		says   string
	}{
		{"a filter's page", 403, map[string]string{"Content-Type": "text/html"}, "<html>blocked</html>", "", "403 without saying why"},
		{"a filter's page, with a token", 403, map[string]string{"Content-Type": "text/html"}, "<html>blocked</html>", "hf_x", "403 without saying why"},
		{"a mirror that drops headers", 401, map[string]string{}, "Unauthorized", "", "401 without saying why"},
		{"a mirror that drops headers, with a token", 401, map[string]string{}, "Unauthorized", "hf_x", "401 without saying why"},
		{"a law", 451, map[string]string{}, "", "", "451 without saying why"},
		{"a proxy's own login", 407, map[string]string{"Proxy-Authenticate": "Basic"}, "", "", "407 without saying why"},
		{"its own message", 403, map[string]string{"X-Error-Message": "Access to this resource is disabled."}, "", "", "resource is disabled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := standin.New(standin.Config{})
			server.Inject(standin.Fault{Status: c.status, Header: c.header, Body: c.body})
			url, _ := serve(t, server)
			h := newHub(t, url, withToken(c.token))
			_, fetched := h.Fetch(t.Context(), model, "", nil)
			_, _, described := h.Describe(t.Context(), model, "")
			for _, err := range []error{fetched, described, h.CheckAccess(t.Context(), model, "")} {
				f := failure(t, err, aim.ClassWeights) // another node or a mirror may mend it
				text := strings.ToLower(f.Text())
				if !strings.Contains(f.Why, c.says) || !strings.Contains(f.Why, strings.TrimPrefix(url, "http://")) {
					t.Errorf("why %q: want host, and %q", f.Why, c.says)
				}
				if strings.Contains(text, "licence") || strings.Contains(text, "token") || strings.Contains(text, "gated") {
					t.Errorf("a cause that nobody named: %s", text)
				}
			}
		})
	}
}

func TestAnAbsenceWithoutTheHubsCodeIsToldAsItIs(t *testing.T) {
	url, _ := serve(t, http.NotFoundHandler())
	_, err := newHub(t, url).Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassMissing); !strings.Contains(f.Why, "404 without saying why") {
		t.Errorf("why %q", f.Why)
	}
}
