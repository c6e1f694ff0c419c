package control

import (
	"time"

	"github.com/aim-engine/aim"
)

// lookEvery is how often an alternativeFinder looks again. Thousands may wait, and each has
// a handful of rungs: at this pace they take a hundredth of a processor.
const lookEvery = 10 * time.Second

// alternativeFinder finds out what else a replica that waits could run.
type alternativeFinder struct {
	placer *Placer
	others []aim.Alternative

	looked time.Time
	seen   string
}

// now names the first rung that would not have to wait, after a full stop; "" when
// all would.
func (f *alternativeFinder) now() string {
	if now := time.Now(); len(f.others) > 0 && now.Sub(f.looked) >= lookEvery {
		f.looked, f.seen = now, f.placer.firstThatFits(f.others)
	}
	return f.seen
}

func (p *Placer) firstThatFits(others []aim.Alternative) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range others {
		if d := p.core.Consider(&others[i].Request); d.Outcome == aim.Place {
			return ". Or " + others[i].Cure(d.Placement.Ranks[0].Node).String()
		}
	}
	return ""
}
