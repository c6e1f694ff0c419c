// Package limit holds clients to their limits: requests and tokens a minute,
// requests at once, tokens a day.
//
// A request reserves what it may cost before it is sent (its prompt, and as many
// tokens as the answer may have) and settles what it did cost afterwards, so that
// fifty callers at once cannot overrun a limit together. Several gateways share
// one limit by drawing parts of it:
//
//	Central (one)      limit 60,000 a minute:  24,000 drawn by a, 12,000 by b, 24,000 left
//	Limiter (gateway)  a: 24,000 drawn = 21,500 reserved or spent + 2,500 for the next
//
// Parts are a fiftieth of the limit, so that what lies idle at one gateway when
// the other is refused is little.
package limit

import (
	"context"
	"sync"
	"time"
)

// Limits of a key; 0 is no limit.
type Limits struct {
	RPM         int64 `json:"rpm,omitempty"`          // requests a minute
	TPM         int64 `json:"tpm,omitempty"`          // tokens a minute, prompt and answer
	Concurrency int64 `json:"concurrency,omitempty"`  // requests at once
	DailyTokens int64 `json:"daily_tokens,omitempty"` // tokens a UTC day
}

// Refused is the answer where a limit is reached: which, and when to come again.
type Refused struct {
	Kind  Kind
	Limit int64
	Retry time.Duration
	// TooLarge means that the request alone is more than the limit.
	TooLarge bool
	Asked    int64
}

func (r *Refused) Error() string { return string(r.Kind) }

// parts of a limit that are drawn at once.
const parts = 50

// firstMean is what an answer without a given maximum is expected to have, until
// some of the key's are known.
const firstMean = 512

// Limiter is a gateway's side. It is safe for use by many requests.
type Limiter struct {
	source Source
	holder string
	now    func() time.Time

	mu   sync.Mutex
	keys map[string]*keyState
}

// keyState is what a gateway knows of one key. Keys are few thousands at most, and
// an unused one takes some hundred bytes.
type keyState struct {
	id    string
	mu    sync.Mutex // held while the source is asked: the others would ask the same
	drawn map[Kind]*part
	means map[string]float64 // tokens of an answer without a given maximum, by model
}

// part is what was drawn of one budget, and what of it is reserved or spent.
type part struct {
	window      time.Time
	drawn, used int64
	left        int64 // that nobody had drawn at the last answer
}

// New makes a limiter that draws from source as this holder.
func New(source Source, holder string, now func() time.Time) *Limiter {
	return &Limiter{source: source, holder: holder, now: now, keys: map[string]*keyState{}}
}

// Ask is what a request may cost.
type Ask struct {
	Key     string
	Limits  Limits
	Model   string
	Prompt  int64 // tokens, estimated
	Answer  int64 // tokens that the answer may have; 0 = not said
	Answers int64 // how many are asked for
}

// Hold is what a request has reserved. Settle ends it. The nil Hold is that of a
// key without limits.
type Hold struct {
	l        *Limiter
	key      *keyState
	ask      Ask
	minute   time.Time
	reserved int64 // tokens
	answer   int64 // of them, for the answer
	settled  bool
}

// Reserve counts the request against the limits. The error is a *Refused, or one
// of the source, which could not be asked.
func (l *Limiter) Reserve(ctx context.Context, a Ask) (*Hold, error) {
	if a.Limits == (Limits{}) {
		return nil, nil
	}
	k := l.key(a.Key)
	k.mu.Lock()
	defer k.mu.Unlock()
	now := l.now()
	h := &Hold{l: l, key: k, ask: a, minute: now.Truncate(time.Minute)}
	h.answer = a.Answer
	if h.answer == 0 {
		h.answer = k.mean(a.Model)
	}
	h.answer *= max(a.Answers, 1)
	h.reserved = a.Prompt + h.answer
	var taken []taking
	for _, t := range h.takings(now) {
		if t.limit == 0 {
			continue
		}
		if err := l.take(ctx, k, t); err != nil {
			for _, back := range taken {
				k.drawn[back.kind].used -= back.n
			}
			return nil, err
		}
		taken = append(taken, t)
	}
	return h, nil
}

// taking is what a request needs of one budget.
type taking struct {
	kind   Kind
	limit  int64
	n      int64
	window time.Time
	ends   time.Time
}

func (h *Hold) takings(now time.Time) []taking {
	day := now.UTC().Truncate(24 * time.Hour)
	minuteEnds := h.minute.Add(time.Minute)
	return []taking{
		{Concurrency, h.ask.Limits.Concurrency, 1, time.Time{}, now.Add(time.Second)},
		{Requests, h.ask.Limits.RPM, 1, h.minute, minuteEnds},
		{DailyTokens, h.ask.Limits.DailyTokens, h.reserved, day, day.Add(24 * time.Hour)},
		{Tokens, h.ask.Limits.TPM, h.reserved, h.minute, minuteEnds},
	}
}

// take uses n of what was drawn, drawing more where that is too little.
func (l *Limiter) take(ctx context.Context, k *keyState, t taking) error {
	p := k.part(t.kind, t.window)
	if t.n > t.limit {
		return &Refused{Kind: t.kind, Limit: t.limit, TooLarge: true, Asked: t.n}
	}
	if missing := p.used + t.n - p.drawn; missing > 0 {
		g, err := l.source.Draw(ctx, Draw{Key: k.id, Kind: t.kind, Window: t.window, Limit: t.limit,
			Want: max(missing, t.limit/parts), AtLeast: missing, Holder: l.holder})
		if err != nil {
			return err
		}
		p.drawn, p.left = p.drawn+g.Granted, g.Left
		if g.Granted < missing {
			return &Refused{Kind: t.kind, Limit: t.limit, Retry: max(t.ends.Sub(l.now()), time.Second)}
		}
	}
	p.used += t.n
	return nil
}

// Grow reserves more while an answer grows beyond what was expected. It never cuts
// an answer off: what is beyond the limit is missing to the next request.
func (h *Hold) Grow(answer int64) {
	if h == nil || answer <= h.answer {
		return
	}
	h.key.mu.Lock()
	defer h.key.mu.Unlock()
	more := max(answer-h.answer, firstMean)
	h.answer += more
	h.reserved += more
	h.spend(more)
}

// Settle ends the hold with what the request has cost; 0 where it was not answered.
func (h *Hold) Settle(prompt, answer int64) {
	if h == nil || h.settled {
		return
	}
	h.settled = true
	h.key.mu.Lock()
	defer h.key.mu.Unlock()
	if h.ask.Limits.Concurrency > 0 {
		h.giveBackPlace()
	}
	if prompt+answer == 0 {
		if p := h.key.current(Requests, h.minute); p != nil { // it was not answered and does not count
			p.used--
		}
	} else if h.ask.Answer == 0 {
		h.key.learn(h.ask.Model, answer/max(h.ask.Answers, 1))
	}
	h.spend(prompt + answer - h.reserved)
}

// spend corrects the tokens that count by n. What is more than was drawn is drawn
// by force: it was spent. A window that is over is left as it was reserved.
func (h *Hold) spend(n int64) {
	now := h.l.now()
	day := now.UTC().Truncate(24 * time.Hour)
	for _, t := range []taking{
		{kind: Tokens, limit: h.ask.Limits.TPM, window: h.minute},
		{kind: DailyTokens, limit: h.ask.Limits.DailyTokens, window: day},
	} {
		if t.limit == 0 {
			continue
		}
		if n > 0 && t.kind == Tokens {
			t.window = now.Truncate(time.Minute) // it is spent now
		}
		p := h.key.current(t.kind, t.window)
		if p == nil {
			if n <= 0 {
				continue
			}
			p = h.key.part(t.kind, t.window)
		}
		p.used = max(0, p.used+n)
		if over := p.used - p.drawn; over > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			g, err := h.l.source.Draw(ctx, Draw{Key: h.key.id, Kind: t.kind, Window: t.window, Limit: t.limit,
				Want: over, Force: true, Holder: h.l.holder})
			cancel()
			if err == nil {
				p.drawn, p.left = p.drawn+g.Granted, g.Left
			}
		}
	}
}

// giveBackPlace frees a place; those that lie idle go back to the others.
func (h *Hold) giveBackPlace() {
	p := h.key.part(Concurrency, time.Time{})
	p.used--
	idle := p.drawn - p.used
	if keep := max(h.ask.Limits.Concurrency/parts, 0); idle > keep {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		g, err := h.l.source.Draw(ctx, Draw{Key: h.key.id, Kind: Concurrency, Limit: h.ask.Limits.Concurrency,
			Want: keep - idle, Holder: h.l.holder})
		if err == nil {
			p.drawn, p.left = p.drawn+g.Granted, g.Left
		}
	}
}

// Remaining is what is left of a budget, as far as this gateway knows, and when
// it is full again.
func (h *Hold) Remaining(kind Kind) (limit, left int64, reset time.Duration, ok bool) {
	if h == nil {
		return 0, 0, 0, false
	}
	switch kind {
	case Requests:
		limit = h.ask.Limits.RPM
	case Tokens:
		limit = h.ask.Limits.TPM
	}
	if limit == 0 {
		return 0, 0, 0, false
	}
	h.key.mu.Lock()
	defer h.key.mu.Unlock()
	p := h.key.current(kind, h.minute)
	if p == nil {
		return limit, limit, 0, true
	}
	return limit, max(0, p.left+p.drawn-p.used), max(0, h.minute.Add(time.Minute).Sub(h.l.now())), true
}

func (l *Limiter) key(id string) *keyState {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keys[id]
	if k == nil {
		k = &keyState{id: id, drawn: map[Kind]*part{}, means: map[string]float64{}}
		l.keys[id] = k
	}
	return k
}

// part is what was drawn of a budget in this window; a window that is over is
// forgotten with what was left of it.
func (k *keyState) part(kind Kind, window time.Time) *part {
	if p := k.current(kind, window); p != nil {
		return p
	}
	p := &part{window: window}
	k.drawn[kind] = p
	return p
}

// current is the part of this window, nil where nothing was drawn of it.
func (k *keyState) current(kind Kind, window time.Time) *part {
	if p := k.drawn[kind]; p != nil && p.window.Equal(window) {
		return p
	}
	return nil
}

func (k *keyState) mean(model string) int64 {
	if m, ok := k.means[model]; ok {
		return int64(m) + 1
	}
	return firstMean
}

// maxMeans bounds the models that are remembered of a key.
const maxMeans = 256

func (k *keyState) learn(model string, answer int64) {
	m, ok := k.means[model]
	switch {
	case ok:
		k.means[model] = m + (float64(answer)-m)/8
	case len(k.means) < maxMeans:
		k.means[model] = float64(answer)
	}
}
