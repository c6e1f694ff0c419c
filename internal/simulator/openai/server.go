package openai

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Header marks every answer of a simulated server.
const Header = "X-AIM-Simulated"

// Config is what the server says of itself, and how slow it is.
type Config struct {
	Backend     string   // owner of the models; "" is vllm
	Names       []string // served names; the first is the one in metrics
	AnyName     bool     // it takes every name for the model, as TGI does
	Model       string   // repository or path behind them
	Version     string   // of the backend
	MaxModelLen int      // tokens of prompt and answer together
	MaxSeqs     int      // requests that run at once; the others wait
	KVTokens    int      // tokens that the KV cache can hold
	Keys        []string // any of them opens the /v1 routes; none = open
	TTFT, TPOT  time.Duration
	Cache       map[string]string // labels of vllm:cache_config_info
	NoStats     bool              // no engine metrics (--disable-log-stats)
	NoGenerate  bool              // no routes for completions and chat
	NoEmbed     bool              // no route for embeddings
}

// Server answers requests. It is safe for use by many requests at once.
type Server struct {
	config  Config
	routes  *http.ServeMux
	metrics *metrics
	slots   chan struct{} // one for each running request
	dead    atomic.Bool
	mute    atomic.Bool
	stalled chan struct{} // closed when the engine stops
	last    atomic.Int64  // number of the latest request
	started time.Time
}

// New makes a server that is up.
func New(c Config) *Server {
	if c.Backend == "" {
		c.Backend = "vllm"
	}
	s := &Server{
		config:  c,
		routes:  http.NewServeMux(),
		metrics: newMetrics(c),
		slots:   make(chan struct{}, max(c.MaxSeqs, 1)),
		stalled: make(chan struct{}),
		started: time.Now(),
	}
	s.routes.HandleFunc("/health", s.health)
	s.routes.HandleFunc("/ping", s.health)
	s.routes.HandleFunc("GET /version", s.version)
	if c.Backend == "vllm" { // the series have vLLM's names
		s.routes.Handle("GET /metrics", s.metrics.handler())
	}
	if c.Backend == "tgi" {
		s.routes.HandleFunc("GET /info", s.info)
	}
	s.routes.HandleFunc("GET /v1/models", s.models)
	if !c.NoGenerate {
		s.routes.HandleFunc("POST /v1/completions", s.completions)
		s.routes.HandleFunc("POST /v1/chat/completions", s.chatCompletions)
	}
	if !c.NoEmbed {
		s.routes.HandleFunc("POST /v1/embeddings", s.embeddings)
	}
	s.routes.HandleFunc("POST /tokenize", s.tokenize)
	return s
}

// Fail makes the engine dead: /health answers 503 and requests fail, while the
// process lives on.
func (s *Server) Fail() { s.dead.Store(true) }

// Mute leaves every request of the /v1 routes without an answer from now on, while
// the server says that it is well.
func (s *Server) Mute() { s.mute.Store(true) }

// Stall stops the engine, once: no token comes out any more, of running requests
// neither, while the server says that it is well and goes on counting who waits.
func (s *Server) Stall() { close(s.stalled) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(Header, "true")
	if strings.HasPrefix(r.URL.Path, "/v1/") && !s.allowed(r) {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "Unauthorized"})
		return
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") && s.mute.Load() {
		<-r.Context().Done()
		return
	}
	s.routes.ServeHTTP(w, r)
}

// allowed checks the bearer token in a time that does not depend on it.
func (s *Server) allowed(r *http.Request) bool {
	if len(s.config.Keys) == 0 {
		return true
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	ok := 0
	for _, key := range s.config.Keys {
		ok |= subtle.ConstantTimeCompare([]byte(key), []byte(token))
	}
	return ok == 1
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	if s.dead.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"version": s.config.Version, "simulated": true})
}

// info is what TGI tells of its one model.
func (s *Server) info(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"model_id": s.config.Model, "version": s.config.Version, "simulated": true})
}

// model is one entry of /v1/models.
type model struct {
	ID          string  `json:"id"`
	Object      string  `json:"object"`
	Created     int64   `json:"created"`
	OwnedBy     string  `json:"owned_by"`
	Root        string  `json:"root"`
	Parent      *string `json:"parent"`
	MaxModelLen int     `json:"max_model_len"`
	Simulated   bool    `json:"simulated"`
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	list := []model{}
	for _, name := range s.config.Names {
		list = append(list, model{
			ID: name, Object: "model", Created: s.started.Unix(), OwnedBy: s.config.Backend,
			Root: s.config.Model, MaxModelLen: s.config.MaxModelLen, Simulated: true,
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}
