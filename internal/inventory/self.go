package inventory

import (
	"encoding/binary"
	"encoding/json"
	"time"
)

// probeSelf sends a probe of our own hearing along the way of the beats: mark
// and number, 16 bytes. It is noted even when it cannot be sent, since that is
// just what it is there to find out.
func (v *View) probeSelf(now time.Time) {
	v.mu.Lock()
	number := v.t.guard.sent(now)
	v.mu.Unlock()
	data := binary.LittleEndian.AppendUint64(nil, v.self)
	data = binary.LittleEndian.AppendUint64(data, number)
	v.logged(v.conn.publish(beatSubject(controlID), data))
}

func (v *View) onSelf(data []byte) {
	if len(data) != 16 || binary.LittleEndian.Uint64(data) != v.self {
		return // another control's
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.t.guard.back(binary.LittleEndian.Uint64(data[8:]), v.opts.Now())
}

// rateSetter tells nodes how often to beat.
type rateSetter struct {
	beat time.Duration // told last
	told time.Time
}

const (
	// slowBeat is the rate above fastNodes nodes: 8,000 beats a second are as
	// much as one control should spend a tenth of a core on.
	slowBeat  = time.Second
	fastNodes = 2000
	// The rate is repeated for nodes that have just come.
	rateEvery = 10 * time.Second
)

// setRate tells the rate when it changes, and now and then.
func (v *View) setRate(now time.Time) {
	v.mu.Lock()
	nodes := len(v.t.peers)
	v.mu.Unlock()
	beat := DefaultBeat
	if nodes > fastNodes {
		beat = slowBeat
	}
	if beat == v.rate.beat && now.Sub(v.rate.told) < rateEvery {
		return
	}
	v.rate.beat, v.rate.told = beat, now
	data, err := json.Marshal(rateJSON{Version: 1, BeatMS: beat.Milliseconds()})
	if err == nil {
		err = v.conn.publish(rateSubject, data)
	}
	v.logged(err)
}
