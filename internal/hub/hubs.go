package hub

import (
	"sync"

	"github.com/aim-engine/aim/internal/settings"
)

// Hubs keeps one hub for each token in use, so that fetches of one model meet in it
// and share one download. It is safe for concurrent use.
type Hubs struct {
	weights settings.Weights

	mu   sync.Mutex
	open map[string]*Hub
}

// NewHubs makes hubs of these settings. They are checked when one is opened.
func NewHubs(w settings.Weights) *Hubs {
	return &Hubs{weights: w, open: map[string]*Hub{}}
}

// Open is the hub with this token; "" is none. It does not use the network.
func (h *Hubs) Open(token string) (*Hub, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.open[token]; ok {
		return known, nil
	}
	fresh, err := New(h.weights, token)
	if err != nil {
		return nil, err
	}
	h.open[token] = fresh
	return fresh, nil
}
