package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/aim-engine/aim"
)

// queue is those who wait, in order of their turn. Those that would fit on the
// same nodes stand in one line: when the first of a line does not fit, nobody
// behind it does.
type queue struct {
	all     []*waiter
	byToken map[string]*waiter
	lines   []*line // by their first waiter
	byKey   map[lineKey]*line
	touched []*member // nodes that have changed since the last turn
}

// waiter is a request that did not fit when it was last looked at.
type waiter struct {
	request aim.Request
	line    *line
	rest    time.Time // nothing is kept for it before then
}

// line is the waiters that would fit on the same nodes.
type line struct {
	key     lineKey
	shape   *shape
	need    int // whole free GPUs that a node must have
	waiters []*waiter
	fresh   bool // not looked at since its first waiter came

	// The last decision about one of them, and when and for whom it was made.
	decision aim.Decision
	epoch    uint64
	told     *waiter
}

// lineKey is equal for requests that fit on the same nodes.
type lineKey struct {
	shape shapeKey
	nodes int
	model string
	token string // of one with nodes of its own to avoid
}

// Granted is a request that waited, and where it goes now.
type Granted struct {
	Request  aim.Request
	Decision aim.Decision
}

// Waiting is where a request stands in the queue, and why it is there.
type Waiting struct {
	Position int // 1 is next
	Of       int
	Decision aim.Decision // why it does not fit now
}

func newQueue() queue {
	return queue{byToken: map[string]*waiter{}, byKey: map[lineKey]*line{}}
}

// before is the order of turns: higher priority, then the earlier first asking,
// then names, so that two controls agree.
func before(a, b *aim.Request) int {
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

// Wait queues the request by its priority and its first time of asking; one
// that was queued before, here or elsewhere, gets its old place back. The same
// token again replaces the request.
func (s *Scheduler) Wait(req aim.Request) {
	w := &waiter{request: req}
	if old, ok := s.queue.byToken[req.Token]; ok {
		w.rest = old.rest
		s.queue.remove(old)
	}
	key := lineKey{shape: s.x.names.keyOf(&req), nodes: req.Nodes, model: req.Model}
	if len(req.Avoid) > 0 {
		key.token = req.Token
	}
	l, ok := s.queue.byKey[key]
	if !ok {
		l = &line{key: key, shape: s.x.shapeOf(&req, 0), fresh: true}
		if req.ShareBytes == 0 {
			l.need = req.GPUs
		}
		l.shape.pins++
	}
	s.queue.add(w, l)
}

// Cancel takes a request out of the queue and forgets what was assumed for it.
func (s *Scheduler) Cancel(req *aim.Request) {
	ranks := s.forget(req)
	s.x.outlook.count(ranks) // they had come after all, ...
	s.x.outlook.count(-ranks)
	s.leave(req.Token)
}

// leave takes a request out of the queue; what is kept for it is free for
// others.
func (s *Scheduler) leave(token string) {
	if w, ok := s.queue.byToken[token]; ok {
		s.queue.remove(w)
	}
	if s.keep != nil && s.keep.request.Token == token {
		s.release()
	}
}

// Waiting tells where a request stands, and why, as of now; ok is false when it
// does not wait.
func (s *Scheduler) Waiting(token string) (where Waiting, ok bool) {
	w, ok := s.queue.byToken[token]
	if !ok {
		return Waiting{}, false
	}
	i, _ := slices.BinarySearchFunc(s.queue.all, w, byTurn)
	return Waiting{Position: i + 1, Of: len(s.queue.all), Decision: s.whyNot(w)}, true
}

// whyNot is why a request waits. Those of a line have it in common, unless
// nodes are kept from some of them, or hold replicas of theirs.
func (s *Scheduler) whyNot(w *waiter) aim.Decision {
	l := w.line
	if l.told == nil || l.epoch != s.epoch || l.told != w && !s.alike(l.told, w) {
		v := s.decide(&w.request)
		l.decision = v.decision()
		v.explain(&l.decision)
		l.epoch, l.told = s.epoch, w
	}
	return l.decision
}

func (s *Scheduler) alike(a, b *waiter) bool {
	homeless := func(w *waiter) bool { return s.x.perchOf(&w.request) == nil }
	return (s.keptFrom(&a.request) == nil) == (s.keptFrom(&b.request) == nil) && homeless(a) && homeless(b)
}

func (q *queue) add(w *waiter, l *line) {
	w.line = l
	q.byToken[w.request.Token] = w
	q.all = insert(q.all, w, byTurn)
	q.reorder(l, func() { l.waiters = insert(l.waiters, w, byTurn) })
}

func (q *queue) remove(w *waiter) {
	delete(q.byToken, w.request.Token)
	q.all = cut(q.all, w, byTurn)
	l := w.line
	q.reorder(l, func() { l.waiters = cut(l.waiters, w, byTurn) })
	if len(l.waiters) == 0 {
		l.shape.pins--
	}
}

// reorder keeps the lines in order while the waiters of one change; a line
// without waiters is gone.
func (q *queue) reorder(l *line, change func()) {
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

// touch notes a changed node, once, while somebody waits.
func (q *queue) touch(m *member) {
	if !m.touched && len(q.all) > 0 {
		m.touched = true
		q.touched = append(q.touched, m)
	}
}
