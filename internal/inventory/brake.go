package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// brake holds back replacements when so many nodes fail at once that the
// network, not the machines, is the likely cause: of at least three nodes, more
// than a third within 30 s. Nodes that are silent count until they are found
// away, for their loss would otherwise be acted upon one by one. The loss of a
// single node never brakes: it is no more than a third of three.
//
// It lets go when enough of them are back, and in any case five minutes after
// it last grew, as with nodes that are away: by then it is what it looks like.
type brake struct {
	fell map[string]time.Time // nodes silent or lost, by when they fell silent
	held map[string]bool      // nodes it holds because of; empty = open
	of   int                  // nodes that stood when it engaged
	grew time.Time
}

const (
	brakeNodes  = 3
	brakeWithin = 30 * time.Second
	brakeFor    = 5 * time.Minute
)

func newBrake() brake {
	return brake{fell: map[string]time.Time{}, held: map[string]bool{}}
}

// judged takes a new verdict.
func (b *brake) judged(p *peer, now time.Time) {
	switch p.verdict.Liveness {
	case aim.Alive, aim.Away:
		delete(b.fell, p.id)
	case aim.Silent:
		if !p.goodbye {
			b.fell[p.id] = now
		}
	case aim.Lost:
		if _, known := b.fell[p.id]; !known {
			b.fell[p.id] = now
		}
	}
}

// tick engages and releases.
func (b *brake) tick(peers map[string]*peer, now time.Time) {
	if len(b.fell) == 0 && len(b.held) == 0 {
		return // as nearly always
	}
	standing := 0 // nodes that stood at the start of the 30 s
	var recent []string
	for id := range b.fell {
		if _, known := peers[id]; !known {
			delete(b.fell, id)
		}
	}
	for id := range peers {
		at, fallen := b.fell[id]
		if fallen && now.Sub(at) > brakeWithin {
			continue
		}
		standing++
		if fallen {
			recent = append(recent, id)
		}
	}
	if standing >= brakeNodes && 3*len(recent) > standing {
		b.hold(recent, standing, now)
	}
	b.release(now)
}

func (b *brake) hold(nodes []string, of int, now time.Time) {
	b.of = max(b.of, of)
	for _, id := range nodes {
		if !b.held[id] {
			b.held[id] = true
			b.grew = now
		}
	}
}

func (b *brake) release(now time.Time) {
	maps.DeleteFunc(b.held, func(id string, _ bool) bool { _, down := b.fell[id]; return !down })
	if 3*len(b.held) <= b.of || now.Sub(b.grew) >= brakeFor {
		clear(b.held)
		b.of = 0
	}
}

// reason says why replacements are held back, or "".
func (b *brake) reason(now time.Time) string {
	if len(b.held) == 0 {
		return ""
	}
	names := slices.Sorted(maps.Keys(b.held))
	return fmt.Sprintf("%d of %d nodes fell silent within %s (%s): replacements wait until enough are back, at most %s more",
		len(names), b.of, brakeWithin, strings.Join(names, ", "), (brakeFor - now.Sub(b.grew)).Round(time.Second))
}
