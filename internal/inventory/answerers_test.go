package inventory

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim"
)

type heardEndpoints struct {
	mu     sync.Mutex
	lists  map[string][]aim.Endpoint
	silent map[string]bool
}

func (h *heardEndpoints) Endpoints(node string, _, _ uint64, list []aim.Endpoint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lists[node] = list
}

func (h *heardEndpoints) Silent(node string, silent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.silent[node] = silent
}

func (h *heardEndpoints) Forget(string) {}

func (h *heardEndpoints) is(node string, n int, silent bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	list, ok := h.lists[node]
	return ok && len(list) == n && h.silent[node] == silent
}

func TestEndpointsAreHeardAsTheyChangeAndWhenTheirNodeIsSilent(t *testing.T) {
	url := urlOf(startServer(t, server.Options{}))
	n := startNode(t, url, "n1", 1, PublisherOptions{Beat: minBeat})
	e := aim.Endpoint{Identity: aim.Identity{Deployment: "m"}, URL: "http://127.0.0.1:1", Healthy: true}
	if err := n.Publish(aim.Node{Endpoints: []aim.Endpoint{e}}); err != nil {
		t.Fatal(err)
	}
	heard := &heardEndpoints{lists: map[string][]aim.Endpoint{}, silent: map[string]bool{}}
	conn := connect(t, url, "gateway")
	run(t, func(ctx context.Context) error { return HearEndpoints(ctx, conn, heard) })
	await := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	await("a node that was there before is not asked", func() bool { return heard.is("n1", 1, false) })
	if err := n.Publish(aim.Node{}); err != nil {
		t.Fatal(err)
	}
	await("a change is not heard", func() bool { return heard.is("n1", 0, false) })
	n.conn.Close() // no goodbye
	await("silence is not heard", func() bool { return heard.is("n1", 0, true) })
}
