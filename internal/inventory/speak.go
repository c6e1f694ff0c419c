package inventory

import (
	"fmt"
	"time"
)

// sendBeat sends a beat, unless goodbye has been said.
func (p *Publisher) sendBeat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopping {
		p.logged(p.conn.publish(beatSubject(p.node), p.nextBeat(p.flags).encode()))
	}
}

// goodbye is the last beat, sent off at once: the connection may be closed next.
func (p *Publisher) goodbye() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
	p.logged(p.conn.publish(beatSubject(p.node), p.nextBeat(p.flags|FlagGoodbye).encode()))
	if p.conn.Connected() {
		p.logged(p.conn.nc.FlushTimeout(time.Second))
	}
}

// nextBeat counts up; the caller holds mu.
func (p *Publisher) nextBeat(flags Flags) Beat {
	p.seq++
	return Beat{
		Epoch: p.epoch, Nonce: p.nonce, Seq: p.seq, Revision: p.content.Revision, Digest: p.digest,
		Sent: time.Now().UnixNano(), Interval: p.beat, Flags: flags,
	}
}

// repeat broadcasts the snapshot again.
func (p *Publisher) repeat() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sendSnapshot(snapshotSubject(p.node))
}

// sendSnapshot sends the newest snapshot, if there is one; the caller holds mu.
func (p *Publisher) sendSnapshot(subject string) error {
	if p.known == nil || p.stopping {
		return nil
	}
	p.seq++
	data, err := encodeSnapshot(p.known, p.nonce, p.seq)
	if err != nil {
		return fmt.Errorf("encode inventory of %s: %w", p.node, err)
	}
	return p.conn.publish(subject, data)
}
