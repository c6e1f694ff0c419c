package worker

import (
	"sync"

	"github.com/aim-engine/aim/activities/node"
	"github.com/aim-engine/aim/internal/hub"
	"github.com/aim-engine/aim/internal/settings"
)

// hubs keeps one hub for each token in use, so that fetches of one model meet
// in it and share one download.
type hubs struct {
	cfg hub.Config

	mu   sync.Mutex
	open map[string]*hub.Hub
}

func newHubs(cfg settings.Node) *hubs {
	return &hubs{open: map[string]*hub.Hub{}, cfg: hub.Config{
		Cache: cfg.Cache, Endpoint: cfg.HubEndpoint, Offline: cfg.HubOffline, LocalRoots: cfg.WeightRoots,
	}}
}

// get opens the hub with this token; "" is none. It does not use the network.
func (h *hubs) get(token string) (node.Hub, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.open[token]; ok {
		return known, nil
	}
	cfg := h.cfg
	cfg.Token = func() (string, error) { return token, nil }
	fresh, err := hub.New(cfg)
	if err != nil {
		return nil, err
	}
	h.open[token] = fresh
	return fresh, nil
}
