package openai

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"net/http"
	"strings"
)

// dimensions of a simulated embedding.
const dimensions = 16

// embedding is one vector of /v1/embeddings.
type embedding struct {
	Index  int       `json:"index"`
	Object string    `json:"object"`
	Vector []float64 `json:"embedding"`
}

func (s *Server) embeddings(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Model string          `json:"model"`
		Input json.RawMessage `json:"input"`
	}
	inputs, name, failed := []prompt(nil), "", read(w, r, &req)
	if failed == nil {
		name, failed = s.resolve(req.Model)
	}
	if failed == nil {
		inputs, failed = parsePrompt(req.Input)
	}
	if s.dead.Load() {
		failed = engineDead()
	}
	if isClosed(s.stalled) {
		<-r.Context().Done()
		return
	}
	if failed != nil {
		writeError(w, failed)
		return
	}
	data, tokens := []embedding{}, 0
	for i, p := range inputs {
		data = append(data, embedding{Index: i, Object: "embedding", Vector: vectorOf(p.text)})
		tokens += p.tokens
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"id": "embd-simulated", "object": "list", "created": s.started.Unix(), "model": name, "data": data,
		"usage":     usage{Prompt: tokens, Total: tokens},
		"simulated": true,
	})
}

// vectorOf is a vector of length 1 that is the same for the same text.
func vectorOf(text string) []float64 {
	vector, square := make([]float64, dimensions), 0.0
	hash := fnv.New64a()
	for i := range vector {
		_, _ = hash.Write([]byte(text)) // never fails
		vector[i] = float64(hash.Sum64()%2001)/1000 - 1
		square += vector[i] * vector[i]
	}
	for i := range vector {
		vector[i] /= math.Sqrt(max(square, 1e-9))
	}
	return vector
}

// tokenize counts the tokens of a prompt; the ids are as fake as the rest.
func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	var req request
	if failed := read(w, r, &req); failed != nil {
		writeError(w, failed)
		return
	}
	prompts, failed := req.prompts(len(req.Messages) > 0)
	if failed != nil {
		writeError(w, failed)
		return
	}
	ids := []uint32{}
	for _, word := range strings.Fields(prompts[0].text) {
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(word)) // never fails
		ids = append(ids, hash.Sum32()%100_000)
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"count": len(ids), "max_model_len": s.config.MaxModelLen, "tokens": ids, "token_strs": nil,
	})
}
