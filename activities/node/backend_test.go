package node

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aim-engine/aim"
)

// moody is the vLLM backend with health checks that a test may answer. Without
// orders it asks the server.
type moody struct {
	Backend
	mu     sync.Mutex
	orders []order
	prove  error  // answer of Prove, if any
	during func() // what happens while the server is proved
}

// order is how one health check goes.
type order string

const (
	well  order = "well"
	ill   order = "ill"
	never order = "never" // it takes until the asker gives up
)

// withMood gives the box such a backend, and has it asked often.
func withMood(m *moody) func(*box) {
	return func(b *box) {
		b.opts.HealthEvery = 10 * time.Millisecond
		m.Backend = b.ports.Backends["vllm"]
		b.ports.Backends["vllm"] = m
	}
}

func (m *moody) order(next ...order) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders = append(m.orders, next...)
}

// left is how many orders have not been carried out.
func (m *moody) left() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.orders)
}

func (m *moody) next() order {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.orders) == 0 {
		return ""
	}
	o := m.orders[0]
	m.orders = m.orders[1:]
	return o
}

func (m *moody) Health(ctx context.Context, client *http.Client, url string) error {
	switch m.next() {
	case well:
		return nil
	case ill:
		return aim.Failf(aim.ClassUnhealthy, "it does not feel well")
	case never:
		<-ctx.Done()
		return ctx.Err()
	}
	return m.Backend.Health(ctx, client, url)
}

func (m *moody) Prove(ctx context.Context, client *http.Client, url, model, task string) (string, error) {
	if m.during != nil {
		m.during()
		return task, nil // it was good at the time
	}
	if m.prove != nil {
		return "", m.prove
	}
	return m.Backend.Prove(ctx, client, url, model, task)
}
