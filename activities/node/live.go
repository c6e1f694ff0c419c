package node

import (
	"context"
	"time"

	"github.com/aim-engine/aim"
)

// kept is how long readings of a server are kept: rates and quantiles are of the
// last minute.
const kept = time.Minute

// noted adds a reading of the server, for who wants its numbers.
func (m *serverMonitor) noted(r aim.Reading) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readings = append(m.readings, r)
	for len(m.readings) > 2 && r.At.Sub(m.readings[1].At) >= kept {
		m.readings = m.readings[1:]
	}
}

// live is what the server does now; ok is false where nothing has been read.
func (m *serverMonitor) live(now time.Time) (l aim.Live, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.readings) == 0 {
		return l, false
	}
	last := m.readings[len(m.readings)-1]
	l = last.Since(m.readings[0])
	l.AgeMillis = now.Sub(last.At).Milliseconds()
	return l, true
}

// LiveReader is a GPUReader that also tells what GPUs do now.
type LiveReader interface {
	Live(ctx context.Context, gpus []aim.GPU) map[string]aim.LiveGPU
}

// Live is what the servers and GPUs of this node do now. Who asks makes the servers
// be read more often for a while.
func (n *Node) Live(ctx context.Context) aim.LiveNode {
	n.liveAsked.Store(time.Now().UnixNano())
	found := aim.LiveNode{Servers: map[string]aim.Live{}, GPUs: map[string]aim.LiveGPU{}}
	for _, c := range n.ports.Ledger.Claims() {
		a := n.attempt(c.Identity)
		a.mu.Lock()
		m := a.monitor
		a.mu.Unlock()
		if m == nil || isClosed(m.done) {
			continue
		}
		if l, ok := m.live(time.Now()); ok {
			found.Servers[c.Server()] = l
		}
	}
	if reader, ok := n.ports.GPUs.(LiveReader); ok {
		n.mu.Lock()
		gpus := n.detection.GPUs
		n.mu.Unlock()
		found.GPUs = reader.Live(ctx, gpus)
	}
	return found
}

// askedLately tells whether somebody looks at the numbers.
func (n *Node) askedLately() bool {
	return time.Since(time.Unix(0, n.liveAsked.Load())) < 30*time.Second
}
