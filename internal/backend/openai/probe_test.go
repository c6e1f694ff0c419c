package openai_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/backend/openai"
)

// server answers each path with a status and a body; other paths are 404. It
// refuses requests that a real server would refuse.
func server(t *testing.T, answers map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			var asked struct {
				Model string `json:"model"`
			}
			if json.Unmarshal(body, &asked) != nil || asked.Model != "m" || r.Header.Get("Content-Type") != "application/json" {
				http.Error(w, "bad request body", http.StatusUnprocessableEntity)
				return
			}
		}
		if status, text, found := strings.Cut(answer, "|"); found {
			w.WriteHeader(map[string]int{"400": 400, "401": 401, "404": 404, "500": 500, "503": 503}[status])
			answer = text
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestHealth(t *testing.T) {
	up := server(t, map[string]string{"/health": ""})
	if err := openai.Health(t.Context(), up.Client(), up.URL+"/health"); err != nil {
		t.Errorf("a healthy server: %v", err)
	}
	dead := server(t, map[string]string{"/health": "503|engine dead"})
	err := openai.Health(t.Context(), dead.Client(), dead.URL+"/health")
	if f := aim.FailureOf(err); err == nil || f.Class != aim.ClassUnhealthy || !strings.Contains(f.Why, "503") || !strings.Contains(f.Why, "engine dead") {
		t.Errorf("a dead engine: %v", err)
	}
	gone := server(t, nil)
	gone.Close()
	if err := openai.Health(t.Context(), http.DefaultClient, gone.URL+"/health"); err == nil || aim.FailureOf(err).Class != aim.ClassUnhealthy {
		t.Errorf("nobody listens: %v", err)
	}
}

// A caller that gives up learns that it did, not that the server is sick.
func TestACancelledProbeIsNoVerdict(t *testing.T) {
	up := server(t, map[string]string{"/health": ""})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := openai.Health(ctx, up.Client(), up.URL+"/health")
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*aim.Failure)) {
		t.Errorf("a cancelled probe gives %v", err)
	}
}

func TestServes(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		class  aim.FailureClass // "" = served
		want   string
	}{
		"it does":      {`{"data":[{"id":"other"},{"id":"m"}]}`, "", ""},
		"another":      {`{"data":[{"id":"other"}]}`, aim.ClassWrongName, "serves other, not m"},
		"none":         {`{"data":[]}`, aim.ClassWrongName, "not m"},
		"no list":      {`<html>`, aim.ClassUnhealthy, "not a list of models"},
		"a key wanted": {`401|{"error":"Unauthorized"}`, aim.ClassUnhealthy, "401"},
	} {
		s := server(t, map[string]string{"/v1/models": c.answer})
		err := openai.Serves(t.Context(), s.Client(), s.URL, "m")
		if f := aim.FailureOf(err); c.class == "" && err != nil || c.class != "" && (err == nil || f.Class != c.class || !strings.Contains(f.Why, c.want)) {
			t.Errorf("%s: %v, want %s with %q", name, err, c.class, c.want)
		}
	}
}

func TestAnswers(t *testing.T) {
	const completes, embeds = `{"choices":[{"text":"x"}]}`, `{"data":[{"embedding":[0.1]}]}`
	for name, c := range map[string]struct {
		task    string
		answers map[string]string
		served  string
		want    string // of the failure; "" = it answers
	}{
		"completion":             {"", map[string]string{"/v1/completions": completes}, "generate", ""},
		"chat only":              {"generate", map[string]string{"/v1/chat/completions": `{"choices":[{}]}`}, "generate", ""},
		"completion refused":     {"generate", map[string]string{"/v1/completions": `400|no`, "/v1/chat/completions": `{"choices":[{}]}`}, "generate", ""},
		"neither":                {"generate", map[string]string{"/v1/completions": `400|no`, "/v1/chat/completions": `400|no chat template`}, "", "no chat template"},
		"a failing forward pass": {"generate", map[string]string{"/v1/completions": `500|HIP error`, "/v1/chat/completions": `{"choices":[{}]}`}, "generate", "HIP error"},
		"an empty answer":        {"generate", map[string]string{"/v1/completions": `{"choices":[]}`}, "generate", `without "choices"`},
		"no JSON":                {"generate", map[string]string{"/v1/completions": `ok`}, "generate", `without "choices"`},
		"embedding":              {"embed", map[string]string{"/v1/embeddings": embeds}, "embed", ""},
		"rerank":                 {"rerank", map[string]string{"/v1/rerank": `{"results":[{"index":0}]}`}, "rerank", ""},
		"score":                  {"score", map[string]string{"/v1/score": `{"data":[{"score":0.5}]}`}, "score", ""},
		"no such task":           {"dance", nil, "", `task "dance"`},

		// What a model is for is sometimes guessed wrong; the server knows.
		"generates, taken for an embedder":  {"embed", map[string]string{"/v1/completions": completes}, "generate", ""},
		"embeds, taken for a chat model":    {"generate", map[string]string{"/v1/embeddings": embeds}, "embed", ""},
		"reranks, taken for an embedder":    {"embed", map[string]string{"/v1/rerank": `{"results":[{"index":0}]}`}, "rerank", ""},
		"taken for another, and failing":    {"embed", map[string]string{"/v1/completions": `500|HIP error`}, "generate", "HIP error"},
		"no interface at all":               {"embed", map[string]string{"/v1/models": "{}"}, "", "POST /v1/embeddings answers 404"},
		"an interface that is busy is none": {"embed", map[string]string{"/v1/embeddings": `503|loading`, "/v1/completions": completes}, "embed", "503"},
	} {
		s := server(t, c.answers)
		served, err := openai.Answers(t.Context(), s.Client(), s.URL, "m", c.task)
		if served != c.served || c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q %v, want %q %q", name, served, err, c.served, c.want)
		}
	}
	if _, err := openai.Answers(t.Context(), http.DefaultClient, server(t, nil).URL, "m", "embed"); aim.FailureOf(err).Class != aim.ClassTask {
		t.Errorf("a server without any interface: %v", err)
	}
}
