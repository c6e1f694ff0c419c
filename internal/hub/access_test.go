package hub

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

// gatedHub has one open, one gated and one private model.
func gatedHub(cdn string) http.Handler {
	return standin.New(standin.Config{
		Tokens: []string{"reader", "stranger"},
		CDN:    cdn,
		Lookup: func(id string) (standin.Model, bool) {
			switch id {
			case "org/open":
				return standin.Model{}, true
			case "org/gated":
				return standin.Model{Gated: true, Readers: []string{"reader"}}, true
			case "org/private":
				return standin.Model{Private: true}, true
			}
			return standin.Model{}, false
		},
	})
}

func TestEveryRefusalHasItsOwnClassAndRemedy(t *testing.T) {
	url, _ := serve(t, gatedHub(""))
	for _, c := range []struct {
		name, model, revision, token string
		class                        aim.FailureClass
		why, hint                    string
	}{
		{"no token", "org/gated", "", "", aim.ClassAuth, "no Hugging Face token", url + "/org/gated"},
		{"bad token", "org/gated", "", "expired", aim.ClassAuth, "does not accept", "/settings/tokens"},
		{"bad token, open model", "org/open", "", "expired", aim.ClassAuth, "does not accept", "/settings/tokens"},
		{"no licence", "org/gated", "", "stranger", aim.ClassAuth, "licence is not accepted", url + "/org/gated"},
		{"no such model", "org/none", "", "reader", aim.ClassMissing, "does not exist", "spelling"},
		{"private model", "org/private", "", "", aim.ClassMissing, "or is private", "HF_TOKEN"},
		{"no such revision", "org/open", "v9", "", aim.ClassMissing, `no revision "v9"`, url + "/org/open/tree/main"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t, url, withToken(c.token))
			_, fetchErr := h.Fetch(t.Context(), c.model, c.revision, nil)
			for _, err := range []error{fetchErr, h.CheckAccess(t.Context(), c.model, c.revision)} {
				f := failure(t, err, c.class)
				if !strings.Contains(f.Why, c.why) || !strings.Contains(f.Hint, c.hint) {
					t.Errorf("why %q, hint %q; want %q, %q", f.Why, f.Hint, c.why, c.hint)
				}
				if c.token != "" && strings.Contains(f.Text(), c.token) {
					t.Errorf("%q shows the token", f.Text())
				}
			}
		})
	}
}

func TestAMissingModelIsKnownByItsCodeWhateverTheStatus(t *testing.T) {
	// The public hub answers 401 to strangers who ask for a model that is not there.
	url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Error-Code", "RepoNotFound")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	_, err := newHub(t, url).Fetch(t.Context(), model, "", nil)
	failure(t, err, aim.ClassMissing)
}

func TestAccessIsCheckedWithoutFetching(t *testing.T) {
	url, rec := serve(t, gatedHub(""))
	h := newHub(t, url, withToken("reader"))
	for _, id := range []string{"org/open", "org/gated", "org/private"} {
		if err := h.CheckAccess(t.Context(), id, ""); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n := rec.count(); n != 6 {
		t.Errorf("%d requests: %v", n, rec.requests)
	}
	if entries, err := os.ReadDir(filepath.Join(h.cache, "hub")); err != nil || len(entries) != 0 {
		t.Errorf("left in the cache: %v, %v", entries, err)
	}
}

func TestTheTokenStaysWithTheHub(t *testing.T) {
	cdn, cdnRec := serve(t, gatedHub(""))
	url, rec := serve(t, gatedHub(cdn))
	h := newHub(t, url, withToken("reader\n"))
	fetched(t, h, "org/gated")
	if rec.tokens != rec.count() {
		t.Errorf("the hub saw the token %d times in %d requests", rec.tokens, rec.count())
	}
	// Both hosts are 127.0.0.1, so that net/http by itself would have sent it on.
	if cdnRec.count() == 0 || cdnRec.tokens != 0 {
		t.Errorf("the CDN saw the token %d times in %d requests", cdnRec.tokens, cdnRec.count())
	}
}

func TestASignedURLIsNotShown(t *testing.T) {
	cdn, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }))
	url, _ := serve(t, standin.New(standin.Config{CDN: cdn}))
	_, err := newHub(t, url).Fetch(t.Context(), model, "", nil)
	f := failure(t, err, aim.ClassWeights)
	if strings.Contains(f.Text(), "X-Amz-Signature") {
		t.Errorf("%q shows the signature", f.Text())
	}
}

func TestASignatureThatRunsOutIsRenewed(t *testing.T) {
	cdnServer := standin.New(standin.Config{})
	cdnServer.Inject(standin.Fault{Path: shard1, Status: http.StatusForbidden, Times: 2})
	cdn, _ := serve(t, cdnServer)
	url, _ := serve(t, standin.New(standin.Config{CDN: cdn}))
	fetched(t, newHub(t, url), model)
}

func TestOfflineFailsAtOnceAndSaysWhy(t *testing.T) {
	url, rec := serve(t, standin.New(standin.Config{}))
	h := newHub(t, url, offline)
	_, err := h.Fetch(t.Context(), model, "", nil)
	for _, err := range []error{err, h.CheckAccess(t.Context(), model, "")} {
		if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Why, "offline") {
			t.Errorf("why %q", f.Why)
		}
	}
	if rec.count() != 0 {
		t.Errorf("asked %v", rec.requests)
	}
}

func TestAHubThatIsAwayIsAFailureOfWeights(t *testing.T) {
	url, _ := serve(t, http.NotFoundHandler())
	gone := newHub(t, "http://127.0.0.1:1") // nothing listens there
	_, err := gone.Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); !strings.Contains(f.Hint, "HF_ENDPOINT") {
		t.Errorf("hint %q", f.Hint)
	}
	_, err = newHub(t, url).Fetch(t.Context(), model, "", nil) // no hub at all, but a web server
	failure(t, err, aim.ClassMissing)
}
