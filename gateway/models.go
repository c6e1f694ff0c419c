package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

type modelList struct {
	Object string      `json:"object"`
	Data   []modelItem `json:"data"`
}

// modelItem is one model, in OpenAI's form and what vLLM adds to it.
type modelItem struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len,omitempty"`
	Root        string `json:"root,omitempty"`
}

// serveModels answers GET /v1/models and GET /v1/models/{id} with what the key may
// use.
func (g *Gateway) serveModels(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		(&apiError{status: http.StatusMethodNotAllowed, kind: "invalid_request_error", message: r.URL.Path + " takes GET"}).write(w)
		return
	}
	key, refused := g.access.Load().identify(r, time.Now())
	if refused != nil {
		refused.write(w)
		return
	}
	n := g.names.Load()
	if id, one := modelID(r); one {
		if again, err := url.PathUnescape(id); err == nil && !n.known(id) {
			id = again // encoded twice, as some clients do
		}
		if !n.known(id) || !key.May(id) {
			n.unknown(id).write(w)
			return
		}
		writeJSON(w, n.item(id))
		return
	}
	list := modelList{Object: "list", Data: []modelItem{}}
	for _, id := range n.all {
		if key.May(id) {
			list.Data = append(list.Data, n.item(id))
		}
	}
	writeJSON(w, list)
}

func (n *names) item(id string) modelItem {
	item := modelItem{ID: id, Object: "model", OwnedBy: "aim"}
	if found := n.follow(id, 0, nil); len(found) > 0 {
		d := n.deployments[found[0]]
		item.MaxModelLen, item.Root = d.Context, d.Model
	}
	return item
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has left
}
