package inventory

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
)

// Verdict is what control has made of a node's silence.
//
//	         3 beats missed, connection ended, goodbye
//	alive ──────────────────────────────────────────────▶ silent
//	  ▲                                                     │ control probes
//	  │ a beat, from any state                              │ the endpoints
//	  │                          one answers                ▼
//	  ├──────────── away ◀──────────────────────────────────┤
//	  │              │ ▲ one answers                        │
//	  │   all refuse ▼ │ again                              │
//	  │   twice     lost ◀──────────────────────────────────┘
//	  └───────────────┘    all refuse twice; no endpoint for 5 s
//
// Away: it serves and does not talk; nothing is placed there and nothing is
// moved. Lost: replacements start. Nothing gets worse while control cannot hear
// itself (see guard).
type Verdict struct {
	Liveness aim.Liveness
	Reason   string    // why it is not alive
	Since    time.Time // of this verdict, by the clock of this process
}

const (
	missedBeats = 3
	// Probes fail twice in a row before endpoints count as gone.
	failedProbes = 2
	// Probe rounds, from the end of one to the start of the next: quick while
	// it matters, slow when the verdict stands.
	probeSilent = 500 * time.Millisecond
	probeAway   = 2 * time.Second
	probeLost   = 5 * time.Second
	// A node without healthy endpoints cannot be probed. 5 s is a restart of a
	// crashed agent; nothing that serves is at stake.
	lostWithout = 5 * time.Second
	// An agent that said goodbye is being upgraded, most likely, and what starts
	// on its node goes on starting.
	lostGoodbye = 60 * time.Second
	// A lost node that nobody removed is forgotten after a day.
	forgetAfter = 24 * time.Hour
)

// probes is the state of asking a node's endpoints.
type probes struct {
	round  uint64 // of the newest probe; answers to earlier ones do not count
	flying bool
	failed int       // rounds in a row that no endpoint answered
	next   time.Time // no round before then
}

func (p *probes) reset() { *p = probes{round: p.round + 1} }

// tick looks at everybody who is due; call it every 50 ms or so.
func (t *tracker) tick(now time.Time) {
	t.guard.tick(now)
	t.asked = 0
	for i := len(t.looks) - 1; i >= 0; i-- { // from the end: one that is removed is replaced by the last
		if now.Before(t.looks[i].due) {
			continue
		}
		p := t.looks[i].peer
		if t.look(p, now) {
			t.looks[i].due = p.nextLook()
		}
	}
	t.brake.tick(t.peers, now)
}

// look judges one node; false when it is forgotten by that.
func (t *tracker) look(p *peer, now time.Time) (kept bool) {
	t.restRival(p, now)
	switch {
	case p.verdict.Liveness == aim.Lost && now.Sub(p.verdict.Since) >= forgetAfter:
		t.remove(p.id)
		return false
	case p.verdict.Liveness == aim.Alive:
		t.missed(p, now)
	case p.verdict.Liveness != "":
		t.silent(p, now)
	}
	return true
}

// missed finds a node silent that has not beaten for three intervals.
func (t *tracker) missed(p *peer, now time.Time) {
	quiet := t.guard.quiet(p.heard, now)
	if quiet > missedBeats*p.interval && !t.guard.lagging() {
		t.judge(p, aim.Silent, fmt.Sprintf("%d beats missed", missedBeats), now)
	}
}

// silent goes on asking, or waiting, until a node that does not beat is known
// to be away or lost.
func (t *tracker) silent(p *peer, now time.Time) {
	endpoints := healthy(p.node.Endpoints)
	if len(endpoints) > 0 {
		if !p.probes.flying && !now.Before(p.probes.next) {
			p.probes.flying = true
			p.probes.round++
			t.effects = append(t.effects, effect{do: probeEndpoints, node: p.id, endpoints: endpoints, round: p.probes.round})
		}
		return
	}
	limit := lostWithout
	if p.goodbye {
		limit = lostGoodbye
		if p.verdict.Liveness == aim.Silent {
			t.judge(p, aim.Away, "its agent was stopped; it has no endpoint to ask", now)
		}
	}
	since := p.verdict.Since
	if !p.heard.IsZero() {
		since = p.heard
	}
	if t.guard.quiet(since, now) >= limit && !t.guard.lagging() {
		t.judge(p, aim.Lost, fmt.Sprintf("silent for %s and without an endpoint to ask", limit), now)
	}
}

// healthy are the endpoints whose silence means something: a server that is
// still starting does not answer anyway.
func healthy(all []aim.Endpoint) []aim.Endpoint {
	var out []aim.Endpoint
	for _, e := range all {
		if e.Healthy {
			out = append(out, e)
		}
	}
	return out
}

// probed takes the end of a probe round: whether any endpoint answered.
func (t *tracker) probed(id string, round uint64, answered bool, now time.Time) {
	p, ok := t.peers[id]
	if !ok || !p.probes.flying || round != p.probes.round {
		return // the node was heard since
	}
	p.probes.flying = false
	switch {
	case answered:
		p.probes.failed = 0
		t.judge(p, aim.Away, "its agent is silent, its endpoints answer", now)
	case !t.guard.lagging(): // else it may be our own network that failed
		if p.probes.failed++; p.probes.failed >= failedProbes {
			t.judge(p, aim.Lost, fmt.Sprintf("silent, and no endpoint answered %d times", failedProbes), now)
		}
	}
	p.probes.next = now.Add(map[aim.Liveness]time.Duration{
		aim.Silent: probeSilent, aim.Away: probeAway, aim.Lost: probeLost,
	}[p.verdict.Liveness])
	if p.probes.failed > 0 && p.verdict.Liveness == aim.Away {
		p.probes.next = now.Add(probeSilent) // confirm quickly
	}
}
