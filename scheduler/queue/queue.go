package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/scheduler/fleet"
	"github.com/aim-engine/aim/scheduler/place"
)

// Queue is those who wait, in order of their turn. all and the waiters of each line are
// sorted by turn, lines by the turn of their first waiter, at every moment:
//
//	all     a(p10)  b  c  d  e           b and d want 8 GPUs, the others 1
//	lines   [a c e] [b d]                a comes before b
//	        a gets its turn and leaves:
//	lines   [b d] [c e]                  b comes before c
type Queue struct {
	fleet      *fleet.Fleet
	placer     *place.Placer
	reserveFor time.Duration

	all     []*waiter
	byToken map[string]*waiter
	lines   []*line // by their first waiter
	byKey   map[lineKey]*line

	reserved *waiter // who has a reservation; nil for none
	until    time.Time
}

// waiter is a request that did not fit when it was last looked at.
type waiter struct {
	request aim.PlacementRequest
	line    *line
	windows int       // reservations that it has had: each lasts longer than the one before
	rest    time.Time // it has none before then
}

// line is the waiters that would fit on the same nodes.
type line struct {
	key     lineKey
	need    int // whole free GPUs that a node must have
	waiters []*waiter
	fresh   bool // not looked at since its first waiter came
	told    told
}

// lineKey is equal for requests that fit on the same nodes.
type lineKey struct {
	place.Line
	nodes int
	token string // of one with nodes of its own to avoid
}

// told is the last explanation to one of a line, and what it holds for. It is kept
// because everybody who waits asks once a second.
type told struct {
	decision aim.Decision
	version  uint64 // of the fleet
	to       *waiter
}

// Granted is a request that waited, and where it goes now.
type Granted struct {
	Request  aim.PlacementRequest
	Decision aim.Decision
}

// Waiting is where a request stands in the queue, and why it is there.
type Waiting struct {
	Position int // 1 is next
	Of       int
	Decision aim.Decision // why it does not fit now
}

// New makes an empty queue. reserveFor is how long a first reservation lasts.
func New(f *fleet.Fleet, p *place.Placer, reserveFor time.Duration) *Queue {
	return &Queue{
		fleet: f, placer: p, reserveFor: reserveFor,
		byToken: map[string]*waiter{}, byKey: map[lineKey]*line{},
	}
}

// before is the order of turns: higher priority, then the earlier first asking, then
// names, so that two controls agree.
func before(a, b *aim.PlacementRequest) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.AskedAt, b.AskedAt),
		cmp.Compare(a.Deployment, b.Deployment),
		cmp.Compare(a.Ordinal, b.Ordinal),
		cmp.Compare(a.Token, b.Token),
	)
}

func byTurn(a, b *waiter) int { return before(&a.request, &b.request) }

func byFirst(a, b *line) int { return byTurn(a.waiters[0], b.waiters[0]) }

// Add queues the request by its priority and its first time of asking; one that was
// queued before, here or elsewhere, gets its old place back. The same token again
// replaces the request.
func (q *Queue) Add(req aim.PlacementRequest) {
	w := &waiter{request: req}
	if old, ok := q.byToken[req.Token]; ok {
		w.windows, w.rest = old.windows, old.rest
		if q.reserved == old {
			q.reserved = w
		}
		q.remove(old)
	}
	key := lineKey{Line: q.placer.Line(&req), nodes: req.Nodes}
	if len(req.Avoid) > 0 {
		key.token = req.Token
	}
	l, ok := q.byKey[key]
	if ok {
		key.Drop() // the line has it already
	} else {
		l = &line{key: key, fresh: true}
		if req.ShareBytes == 0 {
			l.need = req.GPUs
		}
	}
	q.add(w, l)
}

// Leave takes a request out of the queue; what is reserved for it is free for others.
func (q *Queue) Leave(token string) {
	w, ok := q.byToken[token]
	if !ok {
		return
	}
	q.remove(w)
	if q.reserved == w {
		q.release()
	}
}

// First lists the first n requests in the order of turns.
func (q *Queue) First(n int) []aim.PlacementRequest {
	var first []aim.PlacementRequest
	for _, w := range q.all[:min(n, len(q.all))] {
		first = append(first, w.request)
	}
	return first
}

// Waiting tells where a request stands, and why, as of now; ok is false when it does
// not wait.
func (q *Queue) Waiting(token string) (where Waiting, ok bool) {
	w, ok := q.byToken[token]
	if !ok {
		return Waiting{}, false
	}
	i, _ := slices.BinarySearchFunc(q.all, w, byTurn)
	return Waiting{Position: i + 1, Of: len(q.all), Decision: q.whyNot(w)}, true
}

// whyNot is why a request waits. Those of a line have it in common, unless a
// reservation divides them, or nodes hold replicas of theirs.
func (q *Queue) whyNot(w *waiter) aim.Decision {
	t := &w.line.told
	if t.to == nil || t.version != q.fleet.Version() || t.to != w && !q.alike(t.to, w) {
		if q.Passes(&w.request) {
			q.fleet.Lift()
			defer q.fleet.Restore()
		}
		*t = told{q.placer.Decide(&w.request).Explained(), q.fleet.Version(), w}
	}
	return t.decision
}

// alike tells whether what is told to one of a line is true for the other: the same
// reservations are in their way, and neither has replicas that a node with them is
// preferred or avoided for.
func (q *Queue) alike(a, b *waiter) bool {
	homeless := func(w *waiter) bool { return q.fleet.ReplicasOf(&w.request) == nil }
	return q.Passes(&a.request) == q.Passes(&b.request) && homeless(a) && homeless(b)
}

func (q *Queue) add(w *waiter, l *line) {
	w.line = l
	q.byToken[w.request.Token] = w
	q.all = insert(q.all, w, byTurn)
	q.reorder(l, func() { l.waiters = insert(l.waiters, w, byTurn) })
}

func (q *Queue) remove(w *waiter) {
	delete(q.byToken, w.request.Token)
	q.all = cut(q.all, w, byTurn)
	l := w.line
	q.reorder(l, func() { l.waiters = cut(l.waiters, w, byTurn) })
	if len(l.waiters) == 0 {
		l.key.Drop()
	}
}

// reorder keeps the lines in order while the waiters of one change; a line without
// waiters is gone.
func (q *Queue) reorder(l *line, change func()) {
	if len(l.waiters) > 0 {
		q.lines = cut(q.lines, l, byFirst)
	}
	change()
	if len(l.waiters) == 0 {
		delete(q.byKey, l.key)
		return
	}
	q.byKey[l.key] = l
	q.lines = insert(q.lines, l, byFirst)
}

func insert[T any](all []T, v T, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(all, v, compare)
	return slices.Insert(all, i, v)
}

func cut[T any](all []T, v T, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(all, v, compare)
	return slices.Delete(all, i, i+1)
}

// Names is the deployments that have a replica waiting.
func (q *Queue) Names() map[string]bool {
	names := map[string]bool{}
	for _, w := range q.all {
		names[w.request.Deployment] = true
	}
	return names
}

// Ahead is the deployments of those who come before a request, in order; its own is
// not among them.
func (q *Queue) Ahead(token string) []string {
	var names []string
	mine := q.byToken[token]
	for _, w := range q.all {
		if w == mine {
			break
		}
		if name := w.request.Deployment; name != mine.request.Deployment && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Request is what was asked for under a token.
func (q *Queue) Request(token string) (aim.PlacementRequest, bool) {
	w, ok := q.byToken[token]
	if !ok {
		return aim.PlacementRequest{}, false
	}
	return w.request, true
}

// Drop takes all requests of a deployment out of the queue.
func (q *Queue) Drop(deployment string) {
	for _, w := range slices.Clone(q.all) {
		if w.request.Deployment == deployment {
			q.Leave(w.request.Token)
		}
	}
}

// Retry takes a node off the list of those that a request avoids.
func (q *Queue) Retry(token, node string) {
	w, ok := q.byToken[token]
	if !ok || w.request.Avoid[node] == "" {
		return
	}
	req := w.request
	req.Avoid = maps.Clone(req.Avoid)
	delete(req.Avoid, node)
	q.Add(req)
}
