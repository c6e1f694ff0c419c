package inventory

import (
	"context"
	"encoding/json"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// onBeat takes beats and, on the same subscription, control's own probes.
func (v *View) onBeat(ctx context.Context, m *nats.Msg) {
	id := lastToken(m.Subject)
	if id == controlID {
		v.onSelf(m.Data)
		return
	}
	b, err := decodeBeat(m.Data)
	if err != nil || !aim.IsLabel(id) {
		v.log.Debug("beat not understood", "subject", m.Subject, "error", err)
		return
	}
	v.with(ctx, func(t *tracker) { t.beat(id, b, v.opts.Now()) })
}

func (v *View) onSnapshot(ctx context.Context, m *nats.Msg) {
	id := lastToken(m.Subject)
	s, node, err := openSnapshot(m.Data, id)
	if err == nil && !v.fillIn(&s, id) {
		err = s.readNode(node, id) // outside the lock: it is the slow part
	}
	if err != nil || !aim.IsLabel(s.Node.ID) {
		v.log.Warn("snapshot not understood", "subject", m.Subject, "error", err)
		return
	}
	v.with(ctx, func(t *tracker) { t.snapshot(s, v.opts.Now()) })
}

// fillIn completes a snapshot whose bytes are those of the newest one known.
func (v *View) fillIn(s *Snapshot, id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.t.peers[id]
	if !ok || p.content.nonce != s.Nonce || p.content.digest != s.Digest || p.content == (version{}) {
		return false
	}
	s.Node = p.node
	return true
}

// disconnectJSON is the part of the server's event that is read. The rest holds
// the client's credentials and is not kept or logged.
type disconnectJSON struct {
	Client struct {
		Name string `json:"name"`
	} `json:"client"`
}

func (v *View) onDisconnect(ctx context.Context, m *nats.Msg) {
	var e disconnectJSON
	if err := json.Unmarshal(m.Data, &e); err != nil {
		return // of another form; beats tell the same a little later
	}
	if id, ok := nodeOfName(e.Client.Name); ok {
		v.with(ctx, func(t *tracker) { t.disconnected(id, v.opts.Now()) })
	}
}

// onReconnect asks who is there: the beat that a node sends when it is back may
// have come before we were. Snapshots that passed unheard show by the digest.
func (v *View) onReconnect() {
	v.mu.Lock()
	v.t.guard.reconnected(v.opts.Now())
	v.mu.Unlock()
	v.call(beatsOnly)
}
