package inventory

import (
	"fmt"
	"slices"
	"time"
)

// guard tells whether control itself is the one who cannot hear. It sends
// itself a probe through the subscription that the beats come through: while a
// probe is late, so may be the beats, and nobody's silence means anything. When
// the probes are back, everybody gets a full three beats anew.
type guard struct {
	flying   []time.Time // probes not back yet, oldest first
	first    uint64      // number of flying[0]
	late     bool
	lateFrom time.Time // when the first probe that was late had been sent
	floor    time.Time // silence counts from here at the earliest
	lastTick time.Time
}

const (
	// probeSelfEvery is how often control probes itself.
	probeSelfEvery = 100 * time.Millisecond
	// maxLag of a probe. A path that is well takes a millisecond.
	maxLag    = 250 * time.Millisecond
	maxFlying = 100
	// A gap between ticks means that this process was stopped or starved, and
	// the beats of that time are still in line.
	maxTickGap = 500 * time.Millisecond
	// After a reconnect of ours the nodes are reconnecting as well: at most
	// 500 ms of waiting each, some time for the server, and a beat.
	reconnectGrace = 2 * time.Second
)

func newGuard(now time.Time) guard {
	return guard{floor: now, lastTick: now, first: 1}
}

// sent notes a probe and returns its number. Of very many that are missing the
// oldest are forgotten; those left are late enough.
func (g *guard) sent(now time.Time) uint64 {
	if len(g.flying) == maxFlying {
		g.flying = slices.Delete(g.flying, 0, 1)
		g.first++
	}
	g.flying = append(g.flying, now)
	return g.first + uint64(len(g.flying)) - 1
}

// back notes that a probe has come back; those before it were lost.
func (g *guard) back(number uint64, now time.Time) {
	if number < g.first || number >= g.first+uint64(len(g.flying)) {
		return
	}
	g.flying = g.flying[number-g.first+1:]
	g.first = number + 1
	g.look(now)
}

func (g *guard) tick(now time.Time) {
	if now.Sub(g.lastTick) > maxTickGap {
		g.raise(now)
	}
	g.lastTick = now
	g.look(now)
}

// reconnected notes that the connection is new: what was on its way is lost.
func (g *guard) reconnected(now time.Time) {
	g.first += uint64(len(g.flying))
	g.flying = nil
	g.raise(now.Add(reconnectGrace))
	g.look(now)
}

func (g *guard) look(now time.Time) {
	was := g.late
	g.late = len(g.flying) > 0 && now.Sub(g.flying[0]) > maxLag
	switch {
	case g.late && !was:
		g.lateFrom = g.flying[0]
	case was && !g.late:
		g.raise(now)
	}
}

func (g *guard) raise(floor time.Time) {
	if floor.After(g.floor) {
		g.floor = floor
	}
}

// lagging tells whether control is not to be trusted.
func (g *guard) lagging() bool { return g.late }

// quiet is for how long silence has meant something since then.
func (g *guard) quiet(since, now time.Time) time.Duration {
	if g.floor.After(since) {
		since = g.floor
	}
	return now.Sub(since)
}

// reason says why nothing is judged, or "".
func (g *guard) reason(now time.Time) string {
	if !g.late {
		return ""
	}
	return fmt.Sprintf("control has not heard itself over NATS for %s", now.Sub(g.lateFrom).Round(100*time.Millisecond))
}
