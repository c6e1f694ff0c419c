package temporal

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

// Polls knows whether a process gets its work from Temporal: whether the polls
// of its queue are let in. A server with too many polls refuses them at once
// ("namespace concurrent poller limit exceeded"); one that it lets in stays open
// until there is work, a minute at most.
//
//	poll ─► refused at once        deaf, from the first refusal on
//	poll ─► open for openFor ──┐
//	poll ─► answered ──────────┴─► hears again
type Polls struct {
	now func() time.Time

	mu      sync.Mutex
	open    map[int]time.Time // polls under way, since when, by their number
	count   int
	refused time.Time // of the newest refusal
	heard   time.Time // when a poll was last seen let in
	why     string
}

// openFor is how long a poll must have been open to count as let in; a refusal
// comes within milliseconds.
const openFor = 2 * time.Second

// WatchPolls makes one that has seen no poll yet; now is the clock.
func WatchPolls(now func() time.Time) *Polls {
	return &Polls{now: now, open: map[int]time.Time{}}
}

// Intercept is a grpc.UnaryClientInterceptor: it watches the polls for activities.
func (p *Polls) Intercept(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if !strings.HasSuffix(method, "/PollActivityTaskQueue") {
		return invoke(ctx, method, req, reply, conn, opts...)
	}
	poll := p.begin()
	err := invoke(ctx, method, req, reply, conn, opts...)
	p.end(poll, err)
	return err
}

func (p *Polls) begin() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	p.open[p.count] = p.now()
	return p.count
}

func (p *Polls) end(poll int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, began := p.now(), p.open[poll]
	delete(p.open, poll)
	switch {
	case status.Code(err) == codes.ResourceExhausted:
		p.refused, p.why = now, status.Convert(err).Message()
	case err == nil, now.Sub(began) >= openFor:
		p.heard = now
	}
}

// Refused says why no work is heard of, with the setting that would mend it; "" =
// it is. While one poll of several is let in, that is enough.
func (p *Polls) Refused() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for _, began := range p.open {
		if now.Sub(began) >= openFor {
			p.heard = now
		}
	}
	if p.refused.IsZero() || !p.heard.Before(p.refused) {
		return ""
	}
	return fmt.Sprintf("Temporal refuses its polls (%s): raise frontend.namespaceCount of Temporal, 1200 a frontend by default, to at least 2 for each node and 50 for each control process",
		p.why)
}
