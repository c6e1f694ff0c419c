package control

import (
	"fmt"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/queue"
)

// curesFirst is for how many of those who wait cures are found: the others have too
// many before them.
const curesFirst = 16

// cureFinder finds out what would give a replica that waits its turn. For one who waits
// alone the decision has it already. Behind others it takes trying, on a scheduler for
// each cure, which costs some microseconds for each node.
type cureFinder struct {
	placer *Placer
	looked time.Time
	at     string // what the cures are for
	cures  []aim.Cure
}

// curesEvery is how often a finder looks again: so seldom that all of them together
// take a few hundredths of a processor.
func curesEvery(nodes int) time.Duration {
	return max(3*time.Second, time.Duration(nodes/20)*time.Second)
}

// of is the decision with cures that are enough, or with none where nobody knows.
func (f *cureFinder) of(token string, w queue.Waiting) aim.Decision {
	switch {
	case w.Of == 1:
		return w.Decision
	case w.Position > curesFirst:
		return w.Decision.Cured(nil)
	}
	bare := w.Decision.Cured(nil)
	at := fmt.Sprint(w.Position, w.Of, bare)
	if now := time.Now(); now.Sub(f.looked) >= curesEvery(w.Decision.Nodes) {
		f.looked, f.at, f.cures = now, at, f.placer.Fork().Cures(token, now)
	}
	if f.at != at { // it has changed since
		return bare
	}
	return bare.Cured(f.cures)
}
