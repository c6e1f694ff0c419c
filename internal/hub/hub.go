package hub

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
)

// DefaultEndpoint is the public hub, used where HF_ENDPOINT names no other.
const DefaultEndpoint = "https://huggingface.co"

// Hub is the shared cache of one node. It is safe for concurrent use, and for
// use together with other processes on the same cache.
type Hub struct {
	cache      string
	endpoint   *url.URL
	token      string // sent to endpoint alone, never to a host that it redirects to; "" = none
	offline    bool
	localRoots []string
	client     *http.Client
	pace       pace
	gate       gate
	free       func(*os.Root) (uint64, error) // free bytes of the cache's file system
	symlink    func(root *os.Root, target, name string) error

	// flights are the fetches under way, so that callers for the same model in
	// this process share one; between processes the lock files see to that.
	mu      sync.Mutex
	flights map[repo]*flight
}

// New checks the settings and makes the cache folder. It asks the hub with this
// token, "" for none, and does not use the network yet. A bad setting is a Failure of
// class input that names it.
func New(c settings.Weights, token string) (*Hub, error) {
	if c.Cache == "" {
		return nil, aim.Failf(aim.ClassInput, "the model cache has no folder; set HF_HOME or the node's cache folder")
	}
	cache, err := filepath.Abs(c.Cache)
	if err != nil {
		return nil, aim.Failf(aim.ClassInput, "model cache %q: %v", c.Cache, err)
	}
	endpoint, err := parseEndpoint(c.HubEndpoint)
	if err != nil {
		return nil, err
	}
	roots, err := cleanRoots(c.WeightRoots)
	if err != nil {
		return nil, err
	}
	// A read-only cache that exists is fine: what is complete in it can be used.
	if err := os.MkdirAll(filepath.Join(cache, "hub"), 0o755); err != nil {
		return nil, aim.Failf(aim.ClassInput, "cannot make the model cache: %v", err)
	}
	return &Hub{
		cache: cache, endpoint: endpoint, token: strings.TrimSpace(token), offline: c.HubOffline, localRoots: roots,
		client: newClient(endpoint), pace: defaultPace, free: freeBytes, symlink: (*os.Root).Symlink,
		flights: make(map[repo]*flight),
	}, nil
}

// Cache is the folder that servers see as their Hugging Face home.
func (h *Hub) Cache() string { return h.cache }

// Fetch makes the model complete in the cache and returns its snapshot folder.
// A model that is complete already costs no network access, whatever its branch
// points to by now; one named by an absolute path is only checked. report is
// never called twice at once, and not after Fetch has returned.
//
// Callers for the same model share one download, also across processes; it ends
// when the last caller's context does, and keeps what it has. Errors are a
// Failure of class auth, missing, disk, weights or input, or ctx's error.
func (h *Hub) Fetch(ctx context.Context, model, revision string, report func(aim.Progress)) (string, error) {
	if filepath.IsAbs(model) {
		return h.local(model)
	}
	r, err := newRepo(model, revision)
	if err != nil {
		return "", err
	}
	return h.board(r).wait(ctx, report)
}

// CheckAccess tells whether Fetch may read the model, before anything is
// claimed for it: two small requests, none where the model is complete here.
// Its failures are those of Fetch.
func (h *Hub) CheckAccess(ctx context.Context, model, revision string) error {
	if filepath.IsAbs(model) {
		_, err := h.local(model)
		return err
	}
	r, err := newRepo(model, revision)
	if err != nil {
		return err
	}
	s, err := h.open(r)
	if err != nil {
		return err
	}
	defer s.close()
	if _, ok := s.complete(); ok {
		return nil
	}
	return h.explain(ctx, r, h.probe(ctx, r))
}

// probe reads the model's description and asks for one of its files: the hub
// describes gated models to everybody and refuses only their files.
func (h *Hub) probe(ctx context.Context, r repo) error {
	a, err := h.api(r)
	if err != nil {
		return err
	}
	a.pace = a.pace.brief()
	in, err := a.describe(ctx)
	if err != nil {
		return err
	}
	if err := a.part(ctx, in); err != nil {
		return err
	}
	wanted, err := choose(in.files, nil)
	if err != nil {
		return err
	}
	_, err = a.stat(ctx, in.commit, wanted[0].Name)
	return err
}

// api speaks to the hub for one repository, with this hub's token.
func (h *Hub) api(r repo) (*api, error) {
	if h.offline {
		return nil, aim.Failf(aim.ClassWeights, "model %s is not complete in %s, and this node is offline", r, h.cache).
			WithHint("turn offline mode off, or copy a complete Hugging Face cache to %s", h.cache)
	}
	a := &api{client: h.client, endpoint: h.endpoint, token: h.token, pace: h.pace, repo: r}
	a.pace.gate = &h.gate
	return a, nil
}

// parseEndpoint checks the base URL of a hub.
func parseEndpoint(endpoint string) (*url.URL, error) {
	if endpoint == "" {
		endpoint = DefaultEndpoint
	}
	u, err := url.Parse(strings.TrimRight(endpoint, "/"))
	if err == nil && u.Scheme != "http" && u.Scheme != "https" {
		err = errors.New("it must start with http:// or https://")
	}
	if err == nil && u.Host == "" {
		err = errors.New("it names no host")
	}
	if err != nil {
		return nil, aim.Failf(aim.ClassInput, "model hub endpoint %q: %v", endpoint, err)
	}
	return u, nil
}
