package inventory

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// beatsOnly is the call of a control that knows the fleet and wants to hear who
// is there: it asks for what has changed when it knows the digests.
const beatsOnly = "beats"

// called answers the call to all nodes: to the one who asks, or to everybody,
// then spread over time.
func (p *Publisher) called(ctx context.Context, m *nats.Msg) {
	if m.Reply != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.logged(p.sendSnapshot(m.Reply))
		return
	}
	if string(m.Data) == beatsOnly {
		p.saySoon(ctx, "beat", callSpread, p.sendBeat)
		return
	}
	p.saySoon(ctx, "called", p.spread(), func() { p.logged(p.repeat()) })
}

// saySoon says something at a random moment within spread. However many ask for
// it until then, in the same way, it is said once.
func (p *Publisher) saySoon(ctx context.Context, way string, spread time.Duration, say func()) {
	p.mu.Lock()
	owed := p.owed[way]
	p.owed[way] = true
	p.mu.Unlock()
	if owed {
		return
	}
	p.answers.run(func() {
		select {
		case <-time.After(rand.N(spread)):
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		delete(p.owed, way)
		p.mu.Unlock()
		say()
	})
}

// spread is over how long a fleet answers a call: it beats slowly when it is
// large, and then its answers are many.
func (p *Publisher) spread() time.Duration {
	slow := p.interval() / DefaultBeat
	return callSpread * max(1, slow*slow)
}

// question answers what was asked of this node alone.
func (p *Publisher) question(ctx context.Context, m *nats.Msg) {
	switch {
	case lastToken(m.Subject) != QuestionSnapshot:
		p.answers.start(ctx, m, p.opts.Answer)
	case m.Reply == "":
		p.saySoon(ctx, "asked", askSpread, func() { p.logged(p.repeat()) })
	default:
		p.answers.start(ctx, m, p.answerSnapshot)
	}
}

func (p *Publisher) answerSnapshot(_ context.Context, _ string, _ []byte, write func([]byte) error) error {
	p.mu.Lock()
	known := p.known
	p.mu.Unlock()
	if known == nil {
		return aim.Failf(aim.ClassInternal, "node %s has not looked at itself yet", p.node)
	}
	return write(known)
}

// rateJSON is what control sends on rateSubject.
type rateJSON struct {
	Version int   `json:"version"`
	BeatMS  int64 `json:"beat_ms"`
}

// setRate takes a new rate; one that makes no sense is brought into bounds, one
// that cannot be read is left alone.
func (p *Publisher) setRate(data []byte) {
	var r rateJSON
	if err := json.Unmarshal(data, &r); err != nil || r.BeatMS <= 0 {
		p.log.Warn("beat rate cannot be read", "data", string(data[:min(len(data), 100)]))
		return
	}
	wanted := min(max(time.Duration(min(r.BeatMS, 1<<30))*time.Millisecond, minBeat), maxBeat)
	p.mu.Lock()
	defer p.mu.Unlock()
	if wanted == p.beat {
		return
	}
	p.beat = wanted
	select {
	case p.rate <- struct{}{}:
	default:
	}
}
