package gateway

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// kind of an interface: how its streams end and where its model stands.
type kind int

const (
	plain       kind = iota // no streams
	completions             // streams end with "data: [DONE]"
	responses               // streams end with a response.completed, .incomplete or .failed event
	messages                // streams end with a message_stop event
	multipart               // a form; streams as completions do
)

// iface is one way to ask a server.
type iface struct {
	path  string // at the server
	kind  kind
	tasks []string // of deployments that serve it; nil = all
}

// surface is all that passes, by the path at the gateway. Servers leave much more
// open (vLLM: /pause, /update_weights, /invocations), and everything that is
// not here is 404. What they serve outside /v1 is here under both paths.
var surface = func() map[string]iface {
	generate := []string{"generate"}
	score := []string{"embed", "rerank", "score"}
	m := map[string]iface{
		"/v1/chat/completions":     {"/v1/chat/completions", completions, generate},
		"/v1/completions":          {"/v1/completions", completions, generate},
		"/v1/responses":            {"/v1/responses", responses, generate},
		"/v1/messages":             {"/v1/messages", messages, generate},
		"/v1/audio/transcriptions": {"/v1/audio/transcriptions", multipart, generate},
		"/v1/audio/translations":   {"/v1/audio/translations", multipart, generate},
		"/v1/embeddings":           {"/v1/embeddings", plain, []string{"embed"}},
		"/v1/rerank":               {"/v1/rerank", plain, score},
		"/v2/rerank":               {"/v2/rerank", plain, score},
		"/rerank":                  {"/rerank", plain, score},
	}
	for name, tasks := range map[string][]string{
		"tokenize": nil, "detokenize": nil, "score": score, "classify": score, "pooling": score,
	} {
		m["/v1/"+name] = iface{"/" + name, plain, tasks}
		m["/"+name] = iface{"/" + name, plain, tasks}
	}
	return m
}()

// serves tells whether a deployment of this task answers here; "" is generate.
func (i iface) serves(task string) bool {
	return i.tasks == nil || slices.Contains(i.tasks, cmp.Or(task, "generate"))
}

// find looks the path up; the error is for the client.
func find(r *http.Request) (iface, *apiError) {
	i, ok := surface[r.URL.Path]
	if !ok {
		return iface{}, notFound("there is no " + r.Method + " " + clip(r.URL.Path, 100) + " here; see GET /v1/models for the models")
	}
	if r.Method != http.MethodPost {
		return iface{}, &apiError{status: http.StatusMethodNotAllowed, kind: "invalid_request_error", message: r.URL.Path + " takes POST"}
	}
	return i, nil
}

// modelID is the id in GET /v1/models/{id}, where slashes may stand as they are or
// encoded.
func modelID(r *http.Request) (id string, ok bool) {
	id, ok = strings.CutPrefix(r.URL.Path, "/v1/models/")
	return id, ok && cmp.Or(id, "/") != "/"
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "..."
	}
	return s
}
