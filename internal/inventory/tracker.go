package inventory

import (
	"container/list"
	"time"

	"github.com/aim-engine/aim"
)

// tracker is what control makes of what it hears: the newest content of every
// node, and who is alive. It is a state machine without clock and network: the
// time of each event is passed in, by the receiver's own monotonic clock, and
// what should be done about it is left in effects. The order of events is the
// only thing it trusts; no sender's clock is looked at.
type tracker struct {
	peers   map[string]*peer
	looks   []look
	guard   guard
	brake   brake
	effects []effect
	asked   int // snapshots, since the last tick

	mark    uint64            // counts visible changes
	news    *list.List        // of *peer: those that have changed, in the order of their marks
	removed map[string]uint64 // nodes forgotten, by the mark of that
}

// peer is one node as heard.
type peer struct {
	id      string
	node    aim.Node // newest content
	content version  // of node; zero = none yet

	current     incarnation
	rival       rival
	seq         uint64  // newest of the current incarnation
	announced   version // what its beats say the content should be
	behindSince time.Time
	askedAt     time.Time

	heard    time.Time // last sign of life, zero = never
	interval time.Duration
	verdict  Verdict
	goodbye  bool
	probes   probes
	mark     uint64        // of the last visible change
	news     *list.Element // in tracker.news; nil before the first
	slot     int           // in tracker.looks
}

// version tells contents apart.
type version struct {
	incarnation
	revision, digest uint64
}

// effect is something for the owner of the tracker to do.
type effect struct {
	do        effectKind
	node      string
	endpoints []aim.Endpoint // to probe
	round     uint64
}

type effectKind int

const (
	askSnapshot effectKind = iota + 1
	probeEndpoints
)

const (
	// A beat and the snapshot it speaks of travel on different subjects, so a
	// receiver is behind for a moment all the time.
	behindFor = 200 * time.Millisecond
	askAgain  = time.Second
	// asksPerTick bounds what a fleet answers at once. A snapshot is some 10 KB,
	// and takes a third of a millisecond to read: 1,000 a second are a third of
	// a core and 10 MB/s while control gets to know a large fleet.
	asksPerTick = 50
)

func newTracker(now time.Time) *tracker {
	return &tracker{peers: map[string]*peer{}, removed: map[string]uint64{}, news: list.New(), guard: newGuard(now), brake: newBrake()}
}

// take returns the effects so far and forgets them.
func (t *tracker) take() []effect {
	out := t.effects
	t.effects = nil
	return out
}

// beat takes a beat.
func (t *tracker) beat(id string, b Beat, now time.Time) {
	p := t.peerOf(id, now)
	if !t.sign(p, incarnation{b.Epoch, b.Nonce}, b.Seq, now) {
		return
	}
	if b.Interval < p.interval {
		t.lookSoon(p) // its silence shows earlier now
	}
	p.interval = max(b.Interval, minBeat)
	p.announced = version{p.current, b.Revision, b.Digest}
	if b.Flags&FlagGoodbye != 0 {
		p.goodbye = true
		t.judge(p, aim.Silent, "its agent was stopped", now)
	}
	t.compare(p, now)
}

// snapshot takes a snapshot. Its content counts even when a later beat was
// heard first; it is a sign of life only in its own order.
func (t *tracker) snapshot(s Snapshot, now time.Time) {
	p := t.peerOf(s.Node.ID, now)
	from := incarnation{s.Node.Epoch, s.Nonce}
	t.sign(p, from, s.Seq, now)
	if from != p.current {
		t.rivalSnapshot(p, from, s.Node)
		return
	}
	v := version{from, s.Node.Revision, s.Digest}
	if v.incarnation == p.content.incarnation && v.revision < p.content.revision {
		return // an older one was delayed
	}
	if v != p.content {
		p.node, p.content = s.Node, v
		t.changed(p)
	}
	if p.announced.incarnation != from || p.announced.revision <= v.revision {
		p.announced = v
	}
	t.compare(p, now)
}

// sign takes a sign of life and tells whether it is news: duplicates, reordered
// messages and other incarnations are not.
func (t *tracker) sign(p *peer, from incarnation, seq uint64, now time.Time) bool {
	if !t.accepts(p, from, seq, now) {
		return false
	}
	p.seq = seq
	p.heard = now
	p.goodbye = false
	p.probes.reset()
	t.judge(p, aim.Alive, "", now)
	return true
}

// compare asks for a snapshot when the one at hand has not been the announced
// one for a while.
func (t *tracker) compare(p *peer, now time.Time) {
	if p.announced.revision == 0 || p.announced == p.content {
		p.behindSince = time.Time{}
		return
	}
	if p.behindSince.IsZero() {
		p.behindSince = now
	}
	if now.Sub(p.behindSince) >= behindFor && now.Sub(p.askedAt) >= askAgain && t.asked < asksPerTick {
		p.askedAt = now
		t.asked++
		t.effects = append(t.effects, effect{do: askSnapshot, node: p.id})
	}
}

// disconnected takes the server's word that the node's connection has ended.
// If that was an old one, the next beat says so.
func (t *tracker) disconnected(id string, now time.Time) {
	if p, ok := t.peers[id]; ok && p.verdict.Liveness == aim.Alive {
		t.judge(p, aim.Silent, "its connection to NATS ended", now)
	}
}

// expect says that a node should be there, as somebody other than the node
// knows: it is judged as if it had just fallen silent. A node that was heard
// already is left alone.
func (t *tracker) expect(n aim.Node, now time.Time) {
	p := t.peerOf(n.ID, now)
	if p.verdict.Liveness != "" {
		return
	}
	p.node = n
	t.judge(p, aim.Silent, "not heard since control started", now)
}

// remove forgets a node; if it is heard again it is a new one.
func (t *tracker) remove(id string) {
	if p, ok := t.peers[id]; ok {
		delete(t.peers, id)
		t.lookNoMore(p)
		if p.news != nil {
			t.news.Remove(p.news)
		}
		t.mark++
		t.removed[id] = t.mark
	}
}

func (t *tracker) peerOf(id string, now time.Time) *peer {
	p, ok := t.peers[id]
	if !ok {
		p = &peer{id: id, interval: DefaultBeat, askedAt: now.Add(-askAgain)}
		t.peers[id] = p
		t.lookAt(p)
		delete(t.removed, id)
	}
	return p
}

// judge sets the verdict, if it is another one.
func (t *tracker) judge(p *peer, l aim.Liveness, reason string, now time.Time) {
	if p.verdict.Liveness == l {
		return
	}
	p.verdict = Verdict{Liveness: l, Reason: reason, Since: now}
	t.lookSoon(p)
	t.brake.judged(p, now)
	t.changed(p)
}

// changed makes the node show up in since.
func (t *tracker) changed(p *peer) {
	t.mark++
	p.mark = t.mark
	if p.news == nil {
		p.news = t.news.PushBack(p)
		return
	}
	t.news.MoveToBack(p.news)
}
