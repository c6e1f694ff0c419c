package hub

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

const (
	model  = "org/model"
	shard1 = "model-00001-of-00002.safetensors"
	shard2 = "model-00002-of-00002.safetensors"
)

// recorder stands before a hub and writes down what it is asked.
type recorder struct {
	next http.Handler

	mu       sync.Mutex
	requests []string         // method and path
	sent     map[string]int64 // body bytes of GETs by file name
	ranges   map[string][]string
	tokens   int // requests with an Authorization header
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name := path.Base(req.URL.Path)
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	if v := req.Header.Get("Range"); v != "" {
		r.ranges[name] = append(r.ranges[name], v)
	}
	if req.Header.Get("Authorization") != "" {
		r.tokens++
	}
	r.mu.Unlock()
	r.next.ServeHTTP(countingWriter{w, r, name}, req)
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

func (r *recorder) bytes(name string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent[name]
}

// until waits for the recorder to reach a state.
func (r *recorder) until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	await(t, what, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return reached()
	})
}

// await polls until reached, for a generous while.
func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !reached() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

type countingWriter struct {
	http.ResponseWriter
	r    *recorder
	name string
}

func (w countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w countingWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.r.mu.Lock()
	w.r.sent[w.name] += int64(n)
	w.r.mu.Unlock()
	return n, err
}

// serve starts a handler behind a recorder.
func serve(t *testing.T, h http.Handler) (url string, r *recorder) {
	t.Helper()
	r = &recorder{next: h, sent: map[string]int64{}, ranges: map[string][]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL, r
}

// only makes every model the same one.
func only(m standin.Model) standin.Config {
	return standin.Config{Lookup: func(string) (standin.Model, bool) { return m, true }}
}

// quick is a pace for tests: the same rules in milliseconds.
var quick = pace{
	tries: 4, first: time.Millisecond, longest: 4 * time.Millisecond, stall: 10 * time.Second, answer: 10 * time.Second,
	patience: time.Hour,
}

// newHub makes a hub with a cache of its own.
func newHub(t *testing.T, url string, change ...func(*config)) *Hub {
	t.Helper()
	c := config{Weights: settings.Weights{Cache: t.TempDir(), HubEndpoint: url}}
	for _, f := range change {
		f(&c)
	}
	h, err := New(c.Weights, c.token)
	if err != nil {
		t.Fatal(err)
	}
	h.pace = quick
	t.Cleanup(h.client.CloseIdleConnections)
	return h
}

// config is what New takes.
type config struct {
	settings.Weights
	token string
}

func withToken(token string) func(*config) { return func(c *config) { c.token = token } }
func inCache(dir string) func(*config)     { return func(c *config) { c.Cache = dir } }
func offline(c *config)                    { c.HubOffline = true }

// fetched fetches and checks that the snapshot verifies.
func fetched(t *testing.T, h *Hub, model string) string {
	t.Helper()
	path, err := h.Fetch(t.Context(), model, "", nil)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	mustVerify(t, path)
	return path
}

// mustVerify hashes every blob that the snapshot links to.
func mustVerify(t *testing.T, snapshot string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(snapshot, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		found++
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f := file{Size: int64(len(data)), Blob: path.Base(target)}
		digest := newDigest(f)
		digest.Write(data)
		if !verifies(digest, f) {
			t.Errorf("%s does not match its name %s", name, f.Blob)
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Fatalf("snapshot %s: %d files, %v", snapshot, found, err)
	}
}

// failure demands a Failure of a class.
func failure(t *testing.T, err error, class aim.FailureClass) *aim.Failure {
	t.Helper()
	var f *aim.Failure
	if !errors.As(err, &f) {
		t.Fatalf("error %v is no Failure of class %s", err, class)
	}
	if f.Class != class {
		t.Fatalf("class %s (%v), want %s", f.Class, f.Text(), class)
	}
	if f.Hint == "" {
		t.Errorf("%q has no hint", f.Why)
	}
	return f
}

// notComplete demands that the model does not count as complete, neither here
// nor in a process that starts now.
func notComplete(t *testing.T, h *Hub, model string) {
	t.Helper()
	again := newHub(t, "http://127.0.0.1:1", inCache(h.cache), offline)
	if _, err := again.Fetch(context.Background(), model, "", nil); err == nil {
		t.Error("a fetch without a network succeeds")
	}
	models, err := h.List()
	if err != nil || strings.Contains(strings.Join(slices.Sorted(maps.Keys(models)), " "), model) {
		t.Errorf("listed as complete: %v, %v", models, err)
	}
}
