package join

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// request and answer are the bodies of POST /v1/join; a refusal is
// {"error": "a sentence"}.
type request struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret"`
	Node    string    `json:"node"`
	Request []byte    `json:"request"` // PKCS #10, DER
	Clock   time.Time `json:"clock"`   // of the machine that joins
}

type answer struct {
	Certificate string `json:"certificate"` // PEM
	CA          string `json:"ca"`          // PEM
}

const maxRequest = 64 << 10

// Server admits machines. It is an http.Handler; serve it with its TLS.
type Server struct {
	CA     *CA
	Tokens Tokens
	Log    *slog.Logger
	Now    func() time.Time
}

// TLS is how it is served: with a certificate of the CA for these hosts. Who
// joins has no certificate yet, and is asked for none.
func (s *Server) TLS(hosts []string) (*tls.Config, error) {
	cert, err := s.CA.Server(hosts, s.Now())
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/join" {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "this is the join port of an aim fleet: use aim join"})
		return
	}
	var asked request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&asked); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "read the request: " + err.Error()})
		return
	}
	a, err := s.admit(r, asked)
	if err != nil {
		code := http.StatusBadRequest
		if refusal := Refusal(""); errors.As(err, &refusal) {
			code = http.StatusForbidden
		}
		s.Log.Warn("a machine was not admitted", "node", asked.Node, "token", asked.ID, "from", r.RemoteAddr, "error", err)
		writeJSON(w, code, map[string]string{"error": err.Error()})
		return
	}
	s.Log.Info("a machine has joined", "node", asked.Node, "token", asked.ID, "from", r.RemoteAddr)
	writeJSON(w, http.StatusOK, a)
}

// admit finds what is wrong before it spends the token.
func (s *Server) admit(r *http.Request, asked request) (answer, error) {
	now := s.Now()
	if off := asked.Clock.Sub(now); off.Abs() > clockSkew {
		return answer{}, clockError(off)
	}
	name := Name{Node, asked.Node}
	if err := name.validate(); err != nil {
		return answer{}, err
	}
	key, err := requestedKey(asked.Request)
	if err != nil {
		return answer{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return answer{}, fmt.Errorf("read the key of the request: %w", err)
	}
	if err := s.Tokens.Spend(r.Context(), asked.ID, asked.Secret, Use{Node: asked.Node, Key: hashOf(der), At: now.UTC()}); err != nil {
		return answer{}, err
	}
	cert, err := s.CA.SignClient(asked.Request, name, now)
	if err != nil {
		return answer{}, err
	}
	return answer{Certificate: string(cert), CA: string(s.CA.PEM())}, nil
}

// clockError says how far the clock of the machine that joins is off.
func clockError(off time.Duration) error {
	direction := "ahead of"
	if off < 0 {
		direction = "behind"
	}
	return fmt.Errorf("the clock of this machine is %s %s that of the fleet: set it (timedatectl set-ntp true), then join again with the same token",
		off.Abs().Round(time.Second), direction)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // who has gone needs no answer
}
