package vllm_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/vllm"
)

// A replica is proved in three steps, and the first that fails is reported.
func TestProve(t *testing.T) {
	for name, c := range map[string]struct {
		health int
		model  string
		answer int
		class  aim.FailureClass // "" = proved
	}{
		"ready":           {200, "m", 200, ""},
		"engine dead":     {503, "m", 200, aim.ClassUnhealthy},
		"another model":   {200, "other", 200, aim.ClassWrongName},
		"cannot generate": {200, "m", 500, aim.ClassUnhealthy},
	} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.health) })
		mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"data":[{"id":"`+c.model+`"}]}`)
		})
		mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.answer)
			_, _ = io.WriteString(w, `{"choices":[{"text":"!"}]}`)
		})
		s := httptest.NewServer(mux)
		_, err := vllm.New().Prove(t.Context(), s.Client(), s.URL, "m", "generate")
		s.Close()
		if (err == nil) != (c.class == "") || err != nil && aim.FailureOf(err).Class != c.class {
			t.Errorf("%s: %v, want %q", name, err, c.class)
		}
	}
}
