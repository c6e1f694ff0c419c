package hub

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says what the stand-in serves. The zero value serves every owner/name.
type Config struct {
	// Lookup finds a model; ok is false for one that does not exist. nil makes
	// every owner/name exist as the zero Model.
	Lookup func(id string) (m Model, ok bool)
	// CDN is the base URL that large files are redirected to, as the real hub
	// does: that of another stand-in with the same Lookup. "" serves them itself.
	CDN string
	// Tokens are the access tokens that are good; empty takes any.
	Tokens []string
}

// Server is a stand-in hub. It is an http.Handler and safe for concurrent use.
type Server struct {
	config Config
	served sync.WaitGroup

	mu     sync.Mutex
	faults []*Fault
	etags  map[string]string // by model and file, as hashing large files takes time
}

// New makes a stand-in hub.
func New(c Config) *Server {
	if c.Lookup == nil {
		c.Lookup = func(string) (Model, bool) { return Model{}, true }
	}
	return &Server{config: c, etags: make(map[string]string)}
}

// Listen serves on addr, for example 127.0.0.1:0, until ctx ends, and returns
// the base URL.
func (s *Server) Listen(ctx context.Context, addr string) (url string, err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("serve the simulated hub on %s: %w", addr, err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	s.served.Go(func() {
		defer stop()
		_ = server.Serve(l) // ends with ErrServerClosed when ctx does
	})
	return "http://" + l.Addr().String(), nil
}

// Wait returns when everything that Listen has started has ended.
func (s *Server) Wait() { s.served.Wait() }

// ServeHTTP answers as the hub would, or fails as Inject has asked.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Aim-Simulated", "true")
	w, done := s.sabotage(w, r)
	if done {
		return
	}
	p := r.URL.EscapedPath()
	if p == "/" {
		fmt.Fprintln(w, "This is a simulated model hub of AIM Engine. Its models are made up and answer nothing sensible.")
		return
	}
	if rest, ok := strings.CutPrefix(p, "/cdn/"); ok {
		s.serveCDN(w, r, rest)
		return
	}
	if rest, ok := strings.CutPrefix(p, "/api/models/"); ok {
		id, revision, _ := strings.Cut(rest, "/revision/")
		s.serveInfo(w, r, id, unescape(revision))
		return
	}
	if id, rest, ok := strings.Cut(strings.TrimPrefix(p, "/"), "/resolve/"); ok {
		revision, name, _ := strings.Cut(rest, "/")
		s.serveFile(w, r, id, unescape(revision), unescape(name))
		return
	}
	refuse(w, http.StatusNotFound, "EntryNotFound", "Not a path of the simulated hub")
}

// unescape decodes one part of a path: a revision such as refs/pr/1 comes as
// refs%2Fpr%2F1, so that paths are cut apart before they are decoded.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
