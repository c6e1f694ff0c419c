package inventory

import (
	"time"

	"github.com/aim-engine/aim"
)

// look is when a node must be looked at next; nothing happens to it by the mere
// passing of time before. A beat does not touch it: the node is looked at when
// three beats from an earlier one are over, and then not before three beats from
// the newest. So a tick over 10,000 nodes that are well reads one array and looks
// at the few that are due.
type look struct {
	due  time.Time
	peer *peer
}

func (t *tracker) lookAt(p *peer) {
	p.slot = len(t.looks)
	t.looks = append(t.looks, look{peer: p})
}

// lookSoon has the node looked at with the next tick.
func (t *tracker) lookSoon(p *peer) { t.looks[p.slot].due = time.Time{} }

func (t *tracker) lookNoMore(p *peer) {
	last := len(t.looks) - 1
	t.looks[p.slot] = t.looks[last]
	t.looks[p.slot].peer.slot = p.slot
	t.looks[last] = look{}
	t.looks = t.looks[:last]
}

// nextLook: a node that is silent, or that another claims to be, is looked at
// with every tick.
func (p *peer) nextLook() time.Time {
	if p.verdict.Liveness != aim.Alive || p.rival.turns > 0 || p.rival.conflict != "" {
		return time.Time{}
	}
	return p.heard.Add(missedBeats * p.interval)
}
