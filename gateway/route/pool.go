package route

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Target is a replica as its node tells of it.
type Target struct {
	ID      string // of the attempt: another attempt is another target
	Replica string // "qwen3-32b/0", for metrics and words
	URL     string // http://address:port
	Serves  string // model name to use in requests
	Healthy bool
	Reason  string // why not
	// Doubtful means that its node has not been heard for a while. It is asked when
	// no other can be.
	Doubtful bool
	Key      string // that the server asks for, "" = none
}

// Options of a pool; zero values are defaults.
type Options struct {
	// Outstanding requests that a replica gets at most; 256 by default, which is
	// what vLLM runs at once.
	Outstanding int
	// Waiting requests at most; 1,024 by default.
	Waiting int
	// PrefixBlocks that are remembered of each replica; 8,192 by default, which is
	// 4 MiB of short prompts or 24 MiB of long ones, in 0.4 MB.
	PrefixBlocks int
	Now          func() time.Time
}

// PerRequest is what an unfinished request adds to a replica's cost, in prompt
// tokens: what its decoding slows a prefill down, roughly.
const PerRequest = 200

// Ask is what a request costs and who it is.
type Ask struct {
	Tokens   int64    // of the prompt, estimated
	Prefix   Prefix   // of the prompt
	Priority int      // larger goes first among those who wait
	Avoid    []string // targets that failed this request; asked again when no other can be
}

// Refusal is the answer of Acquire where no replica was to be had.
type Refusal struct {
	// Full means that more wait already than may; otherwise ctx ended first.
	Full bool
	// NoReplica means that none was well, rather than all busy.
	NoReplica bool
	Why       string
}

func (r *Refusal) Error() string { return r.Why }

// Pool is the replicas of one deployment. It is safe for use by many requests.
type Pool struct {
	opts Options

	mu      sync.Mutex
	members []*member // by Target.ID
	turn    uint64    // of the latest choice; ties go to who was chosen longest ago
	waiting []*waiter // in the order in which they are served
	retry   *time.Timer
}

type member struct {
	Target
	breaker     breaker
	outstanding int
	leases      map[*Lease]struct{}
	pending     int64 // prompt tokens of requests that have no first token yet
	cache       *prefixes
	turn        uint64
	gone        chan struct{} // closed when it is a replica no more
}

// waiter is a request without a replica.
type waiter struct {
	ask   Ask
	since time.Time
	got   chan *Lease // has room for one
}

// NewPool makes a pool without replicas.
func NewPool(opts Options) *Pool {
	opts.Outstanding = cmp.Or(opts.Outstanding, 256)
	opts.Waiting = cmp.Or(opts.Waiting, 1024)
	opts.PrefixBlocks = cmp.Or(opts.PrefixBlocks, 8192)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Pool{opts: opts}
}

// Set replaces the replicas. Those that stay keep their load and what is known
// of their cache; a replica that its node calls well again after it was not is
// given its next chance at once.
func (p *Pool) Set(targets []Target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := map[string]*member{}
	for _, m := range p.members {
		before[m.ID] = m
	}
	p.members = nil
	for _, t := range targets {
		m, stays := before[t.ID]
		if !stays {
			m = &member{cache: newPrefixes(p.opts.PrefixBlocks), gone: make(chan struct{}), leases: map[*Lease]struct{}{}}
		} else if t.Healthy && !m.Healthy {
			m.breaker = breaker{}
		}
		delete(before, t.ID)
		m.Target = t
		p.members = append(p.members, m)
	}
	for _, m := range before {
		close(m.gone)
		for l := range m.leases {
			l.giveUp()
		}
	}
	slices.SortFunc(p.members, func(a, b *member) int { return cmp.Compare(a.ID, b.ID) })
	p.serve()
}

// Try is Acquire without waiting; nil where it would wait.
func (p *Pool) Try(ask Ask) *Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 && p.anyAhead(ask) {
		return nil
	}
	return p.choose(ask)
}

// Acquire returns a hold on the replica where the request costs least, waiting
// for one while all are busy or none is well. The error is a *Refusal. The
// caller ends the lease with Done, whatever becomes of the request.
func (p *Pool) Acquire(ctx context.Context, ask Ask) (*Lease, error) {
	p.mu.Lock()
	if len(p.waiting) == 0 || !p.anyAhead(ask) {
		if l := p.choose(ask); l != nil {
			p.mu.Unlock()
			return l, nil
		}
	}
	if len(p.waiting) >= p.opts.Waiting {
		r := p.refusal(true, 0)
		p.mu.Unlock()
		return nil, r
	}
	w := &waiter{ask: ask, since: p.opts.Now(), got: make(chan *Lease, 1)}
	p.enqueue(w)
	p.wakeLater()
	p.mu.Unlock()

	select {
	case l := <-w.got:
		return l, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case l := <-w.got: // it came in the same moment
		return l, nil
	default:
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(o *waiter) bool { return o == w })
	return nil, p.refusal(false, p.opts.Now().Sub(w.since))
}

// anyAhead tells whether somebody waits who goes before the request.
func (p *Pool) anyAhead(ask Ask) bool { return p.waiting[0].ask.Priority >= ask.Priority }

// enqueue puts the waiter behind all of its priority.
func (p *Pool) enqueue(w *waiter) {
	i := len(p.waiting)
	for i > 0 && p.waiting[i-1].ask.Priority < w.ask.Priority {
		i--
	}
	p.waiting = slices.Insert(p.waiting, i, w)
}

// serve gives replicas to those who wait, in their order, while there are any.
func (p *Pool) serve() {
	served := 0
	for _, w := range p.waiting {
		l := p.choose(w.ask)
		if l == nil {
			break // nobody can have what this one cannot
		}
		w.got <- l
		served++
	}
	p.waiting = slices.Delete(p.waiting, 0, served)
	p.wakeLater()
}

// wakeLater serves again when the first pause is over, for which no event comes.
func (p *Pool) wakeLater() {
	if p.retry != nil {
		p.retry.Stop()
		p.retry = nil
	}
	if len(p.waiting) == 0 {
		return
	}
	now := p.opts.Now()
	var soonest time.Time
	for _, m := range p.members {
		for _, at := range []time.Time{m.breaker.until, m.breaker.busy} {
			if at.After(now) && (soonest.IsZero() || at.Before(soonest)) {
				soonest = at
			}
		}
	}
	if !soonest.IsZero() {
		p.retry = time.AfterFunc(soonest.Sub(now)+time.Millisecond, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.serve()
		})
	}
}

// choose finds the replica with the least cost, counts the request there, and
// returns nil if none may be had now.
func (p *Pool) choose(ask Ask) *Lease {
	now := p.opts.Now()
	var best *member
	var bestCost, bestHit int64
	var bestLast bool
	for _, m := range p.members {
		if !m.Healthy || m.outstanding >= p.opts.Outstanding || !m.breaker.admits(now) || now.Before(m.breaker.busy) {
			continue
		}
		last := m.Doubtful || slices.Contains(ask.Avoid, m.ID) // in doubt, or failed it before
		hit := m.hit(ask)
		cost := m.pending + ask.Tokens - hit + PerRequest*int64(m.outstanding)
		switch {
		case best == nil, bestLast && !last:
		case last && !bestLast, cost > bestCost, cost == bestCost && m.turn > best.turn:
			continue
		}
		best, bestCost, bestHit, bestLast = m, cost, hit, last
	}
	if best == nil {
		return nil
	}
	p.turn++
	best.turn = p.turn
	best.breaker.try()
	best.outstanding++
	prefill := ask.Tokens - bestHit
	best.pending += prefill
	best.cache.read(ask.Prefix.blocks)
	l := &Lease{Target: best.Target, Hit: bestHit, Cost: bestCost, pool: p, member: best, prefill: prefill}
	best.leases[l] = struct{}{}
	return l
}

// hit is how many of the request's tokens the replica has probably cached.
func (m *member) hit(ask Ask) int64 {
	if len(ask.Prefix.blocks) == 0 {
		return 0
	}
	cached := upTo(m.cache.hit(ask.Prefix.blocks))
	return ask.Tokens * int64(cached) / int64(ask.Prefix.bytes)
}

// refusal says why nothing was to be had.
func (p *Pool) refusal(full bool, waited time.Duration) *Refusal {
	well, why := 0, ""
	for _, m := range p.members {
		switch {
		case m.Healthy && m.breaker.pause == 0:
			well++
		case !m.Healthy && why == "":
			why = m.Replica + ": " + cmp.Or(m.Reason, "not healthy")
		case why == "":
			why = m.Replica + " does not answer"
		}
	}
	r := &Refusal{Full: full, NoReplica: well == 0}
	switch {
	case len(p.members) == 0:
		r.Why = "no replica is running"
	case well == 0:
		r.Why = fmt.Sprintf("none of %d replicas is well (%s)", len(p.members), why)
	case full:
		r.Why = fmt.Sprintf("all %d replicas are busy, and %d requests wait already", well, len(p.waiting))
	default:
		r.Why = fmt.Sprintf("all %d replicas are busy", well)
	}
	if !full {
		r.Why += fmt.Sprintf("; waited %s", waited.Round(100*time.Millisecond))
	}
	return r
}

// Load is what a pool has to do at a moment.
type Load struct {
	Replicas    int // that are well
	Outstanding int
	Waiting     int
	Pending     int64 // prompt tokens that have no first token yet
	Capacity    int   // requests that the replicas that are well take at once
}

// Load tells the load now.
func (p *Pool) Load() Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := Load{Waiting: len(p.waiting)}
	for _, m := range p.members {
		if m.Healthy && m.breaker.pause == 0 {
			l.Replicas++
		}
		l.Outstanding += m.outstanding
		l.Pending += m.pending
	}
	l.Capacity = l.Replicas * p.opts.Outstanding
	return l
}

// Serves is the model name that the replicas take, "" without replicas.
func (p *Pool) Serves() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		return m.Serves
	}
	return ""
}
