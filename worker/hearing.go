package worker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hearing knows whether a process gets its work from Temporal: whether the polls
// of its queue are let in. A server with too many polls refuses them at once
// ("namespace concurrent poller limit exceeded"); one that it lets in stays open
// until there is work, a minute at most.
//
//	poll ─► refused at once        deaf, from the first refusal on
//	poll ─► open for openFor ──┐
//	poll ─► answered ──────────┴─► hears again
type hearing struct {
	now func() time.Time

	mu      sync.Mutex
	open    map[int]time.Time // polls under way, since when
	polls   int
	refused time.Time // of the newest refusal
	heard   time.Time // when a poll was last seen let in
	why     string
}

// openFor is how long a poll must have been open to count as let in; a refusal
// comes within milliseconds.
const openFor = 2 * time.Second

func newHearing(now func() time.Time) *hearing {
	return &hearing{now: now, open: map[int]time.Time{}}
}

// intercept watches the polls for activities on a client's connection.
func (h *hearing) intercept(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if !strings.HasSuffix(method, "/PollActivityTaskQueue") {
		return invoke(ctx, method, req, reply, conn, opts...)
	}
	poll := h.begin()
	err := invoke(ctx, method, req, reply, conn, opts...)
	h.end(poll, err)
	return err
}

func (h *hearing) begin() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polls++
	h.open[h.polls] = h.now()
	return h.polls
}

func (h *hearing) end(poll int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, began := h.now(), h.open[poll]
	delete(h.open, poll)
	switch {
	case status.Code(err) == codes.ResourceExhausted:
		h.refused, h.why = now, status.Convert(err).Message()
	case err == nil, now.Sub(began) >= openFor:
		h.heard = now
	}
}

// deaf says why no work is heard of, with the setting that would mend it; "" =
// it is. While one poll of several is let in, that is enough.
func (h *hearing) deaf() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for _, began := range h.open {
		if now.Sub(began) >= openFor {
			h.heard = now
		}
	}
	if h.refused.IsZero() || !h.heard.Before(h.refused) {
		return ""
	}
	return fmt.Sprintf("Temporal refuses its polls (%s): raise frontend.namespaceCount of Temporal, 1200 a frontend by default, to at least 2 for each node and 50 for each control process",
		h.why)
}
