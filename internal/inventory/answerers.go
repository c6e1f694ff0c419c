package inventory

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// EndpointListener is told who answers where. Its methods are called one at a
// time.
type EndpointListener interface {
	// Endpoints of one node, whole; epoch and seq order what a node says.
	Endpoints(node string, epoch, seq uint64, list []aim.Endpoint)
	// Silent tells that a node missed three beats, or is heard again.
	Silent(node string, silent bool)
	// Forget tells that a node was not heard for forgetEndpoints.
	Forget(node string)
}

const (
	// forgetEndpoints is how long a node's endpoints are kept when it is not heard:
	// whoever replaced them is known long before, by a later attempt.
	forgetEndpoints = time.Hour
	// askEndpointsAgain bounds how often a node is asked for a snapshot that was missed.
	askEndpointsAgain = time.Second
)

// HearEndpoints tells the listener the endpoints of all nodes until ctx ends: of
// each snapshot as it comes, and of those that are asked for because their beat
// shows that one was missed. Unlike a View it keeps no fleet, judges nobody, and
// answers no question. The error is one of subscribing.
func HearEndpoints(ctx context.Context, conn *Conn, to EndpointListener) error {
	h := &endpointHearing{conn: conn, to: to, nodes: map[string]*heardNode{}}
	subs := subscriptions{conn: conn}
	defer subs.end()
	if err := subs.add(allBeats, "", h.onBeat); err != nil {
		return err
	}
	if err := subs.add(allSnapshots, "", h.onSnapshot); err != nil {
		return err
	}
	call := func() { _ = conn.publish(callSubject, nil) } // asked again by digest if it is lost
	defer conn.whenReconnected(call)()
	call()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			h.tick(now)
		}
	}
}

type endpointHearing struct {
	conn *Conn
	to   EndpointListener

	mu    sync.Mutex
	nodes map[string]*heardNode
}

// heardNode is what is kept of a node.
type heardNode struct {
	epoch, digest uint64
	heard         time.Time // by this process's clock
	interval      time.Duration
	goodbye       bool // it stopped on purpose; its servers go on
	silent        bool
	asked         time.Time
}

func (h *endpointHearing) node(id string) *heardNode {
	n := h.nodes[id]
	if n == nil {
		n = &heardNode{}
		h.nodes[id] = n
	}
	return n
}

func (h *endpointHearing) onBeat(m *nats.Msg) {
	id := lastToken(m.Subject)
	b, err := decodeBeat(m.Data)
	if err != nil || id == controlID || !aim.IsLabel(id) {
		return
	}
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.node(id)
	if b.Epoch < n.epoch {
		return
	}
	n.heard, n.interval, n.goodbye = now, b.Interval, b.Flags&FlagGoodbye != 0
	h.setSilent(id, n, false)
	if (b.Epoch != n.epoch || b.Digest != n.digest) && !n.goodbye && now.Sub(n.asked) >= askEndpointsAgain {
		n.asked = now
		_ = h.conn.publish(askSubject(id, QuestionSnapshot), nil) // asked again by the next beat
	}
}

func (h *endpointHearing) onSnapshot(m *nats.Msg) {
	id := lastToken(m.Subject)
	s, err := decodeSnapshot(m.Data, id)
	if err != nil || !aim.IsLabel(id) {
		return // control's view writes it down
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.node(id)
	if s.Node.Epoch < n.epoch {
		return
	}
	n.epoch, n.digest, n.heard = s.Node.Epoch, s.Digest, time.Now()
	n.interval = cmp.Or(n.interval, DefaultBeat) // until its first beat tells
	h.to.Endpoints(id, s.Node.Epoch, s.Seq, s.Node.Endpoints)
}

func (h *endpointHearing) setSilent(id string, n *heardNode, silent bool) {
	if n.silent != silent {
		n.silent = silent
		h.to.Silent(id, silent)
	}
}

// tick finds those who are not heard. While our own connection is down nobody
// is, and that says nothing about them.
func (h *endpointHearing) tick(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.conn.Connected() {
		for _, n := range h.nodes {
			n.heard = now
		}
		return
	}
	for id, n := range h.nodes {
		age := now.Sub(n.heard)
		switch {
		case age > forgetEndpoints:
			delete(h.nodes, id)
			h.to.Forget(id)
		case n.interval > 0 && age > 3*n.interval && !n.goodbye:
			h.setSilent(id, n, true)
		}
	}
}
