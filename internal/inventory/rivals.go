package inventory

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
)

// incarnation is one start of one agent.
type incarnation struct {
	epoch uint64
	nonce uint32
}

// rival is another incarnation that is heard under the same node id. One that
// has just been replaced is heard for a moment (its last messages were on their
// way); one that keeps on speaking in turns with the current one is a second
// machine with the same id.
type rival struct {
	incarnation
	seq      uint64
	messages int    // that were news
	turns    int    // times it spoke after the current one had
	spoke    bool   // it spoke last
	host     string // from its snapshot, if one came
	last     time.Time
	conflict string // "" or why the id is refused
}

const (
	// Late messages of a replaced agent change places with those of the new one
	// once; three times is a dialogue.
	conflictTurns = 3
	// The current one has gone and a lower epoch speaks: its disk was wiped and
	// its clock set back.
	takeoverMessages = 3
	// A conflict is over when one of the two has been quiet for so long.
	conflictRest = 10 * time.Second
)

// accepts tells whether a message is news from the node's current incarnation,
// which may change by it.
func (t *tracker) accepts(p *peer, from incarnation, seq uint64, now time.Time) bool {
	switch {
	case p.current == (incarnation{}):
		p.current = from
		return true
	case from == p.current:
		if seq <= p.seq {
			return false // duplicate, or overtaken by a later one
		}
		p.rival.spoke = false
		return true
	case from.epoch > p.current.epoch:
		t.replace(p, from)
		return true
	}
	return t.hearRival(p, from, seq, now)
}

// replace makes another incarnation the current one and the old one its rival,
// with what is known of the two as a pair.
func (t *tracker) replace(p *peer, by incarnation) {
	turns := p.rival.turns
	conflict := p.rival.conflict
	if p.rival.incarnation != by {
		turns = 0
	}
	p.rival = rival{incarnation: p.current, seq: p.seq, turns: turns, conflict: conflict, host: p.node.Host, last: p.heard}
	p.current = by
}

// hearRival takes a message of an incarnation that is not the current one; true
// when it takes over.
func (t *tracker) hearRival(p *peer, from incarnation, seq uint64, now time.Time) bool {
	r := &p.rival
	if from != r.incarnation {
		*r = rival{incarnation: from, conflict: r.conflict}
	}
	if seq <= r.seq {
		return false
	}
	r.seq, r.last = seq, now
	r.messages++
	if !r.spoke {
		r.spoke = true
		r.turns++
	}
	gone := p.verdict.Liveness != aim.Alive || now.Sub(p.heard) > missedBeats*p.interval
	if gone && r.messages >= takeoverMessages {
		t.replace(p, from)
		return true
	}
	if r.turns >= conflictTurns && r.conflict == "" {
		r.conflict = describe(p)
		t.effects = append(t.effects, effect{do: askSnapshot, node: p.id}) // of both: who are they
		t.changed(p)
	}
	return false
}

// rivalSnapshot learns who the rival is.
func (t *tracker) rivalSnapshot(p *peer, from incarnation, n aim.Node) {
	if from != p.rival.incarnation || p.rival.host == n.Host {
		return
	}
	p.rival.host = n.Host
	if p.rival.conflict != "" {
		p.rival.conflict = describe(p)
		t.changed(p)
	}
}

func describe(p *peer) string {
	who := fmt.Sprintf("epochs %d and %d", p.rival.epoch, p.current.epoch)
	if p.rival.host != "" && p.node.Host != "" {
		who = fmt.Sprintf("on hosts %s and %s", p.rival.host, p.node.Host)
	}
	return fmt.Sprintf("two agents use the node id %s (%s); give each machine an id of its own", p.id, who)
}

// restRival ends a conflict when only one of the two is heard any longer.
func (t *tracker) restRival(p *peer, now time.Time) {
	r := &p.rival
	if (r.turns == 0 && r.conflict == "") || now.Sub(r.last) < conflictRest {
		return
	}
	had := r.conflict != ""
	*r = rival{incarnation: r.incarnation, seq: r.seq}
	if had {
		t.changed(p)
	}
}
