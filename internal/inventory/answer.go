package inventory

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats.go"
)

// Answer answers a question. It writes as much as it likes, in pieces of any
// size; write blocks while the asker is behind and fails when it has gone. The
// error reaches the asker, best as a *aim.Failure.
type Answer func(ctx context.Context, question string, payload []byte, write func(piece []byte) error) error

// maxAnswers is how many questions one process answers at a time: followed logs
// are the long ones, and few people follow more.
const maxAnswers = 32

// answerer runs answers, each in a goroutine of its own.
type answerer struct {
	nc     *nats.Conn
	redact func(lines []byte) []byte // nil = as it is
	slots  chan struct{}
	quiet  time.Duration // after which an empty piece is sent

	mu    sync.Mutex
	ended bool // no new goroutine: somebody waits for the last
	wg    sync.WaitGroup
}

func newAnswerer(nc *nats.Conn, redact func([]byte) []byte) *answerer {
	return &answerer{nc: nc, redact: redact, slots: make(chan struct{}, maxAnswers), quiet: quietFor}
}

// start answers a message with f; the final piece carries f's error.
func (a *answerer) start(ctx context.Context, m *nats.Msg, f Answer) {
	if m.Reply == "" {
		return // nobody to tell
	}
	select {
	case a.slots <- struct{}{}:
	default:
		a.run(func() { a.answer(ctx, m, busy) })
		return
	}
	a.run(func() {
		defer func() { <-a.slots }()
		a.answer(ctx, m, f)
	})
}

func busy(context.Context, string, []byte, func([]byte) error) error {
	return aim.Failf(aim.ClassInternal, "%d questions are being answered already", maxAnswers).
		WithHint("try again when somebody has stopped following logs")
}

// answer sends the pieces of one answer. What cannot be sent any more has no
// other reader, so errors of the network end here.
func (a *answerer) answer(ctx context.Context, m *nats.Msg, f Answer) {
	s, ctx, done, err := newSender(ctx, a.nc, m.Reply)
	if err != nil {
		return
	}
	defer done()
	if err := s.piece(ctx, nil); err != nil {
		return
	}
	var alive sync.WaitGroup
	defer alive.Wait()
	talking, stop := context.WithCancel(ctx)
	defer stop()
	alive.Go(func() { s.keepAlive(talking, a.quiet) })

	lines := &lineWriter{redact: a.redact, write: func(b []byte) error { return s.write(ctx, b) }}
	failure := f(ctx, lastToken(m.Subject), m.Data, lines.Write)
	if err := lines.flush(); failure == nil {
		failure = err
	}
	if errors.Is(context.Cause(ctx), errAskerGone) {
		return
	}
	if ctx.Err() != nil { // half an answer must not look like a whole one
		failure = aim.Failf(aim.ClassCancelled, "the process that answered was stopped").WithHint("ask again")
	}
	_ = s.finish(failure)
}

// run starts f, unless wait has been called: a message may still be on its way
// through a subscription that has ended.
func (a *answerer) run(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.wg.Go(f)
	}
}

// wait returns when all answers have ended; their ctx must have. No new one
// starts.
func (a *answerer) wait() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.wg.Wait()
}

// maxLine is how much of an unfinished line is held back for redaction: a
// secret split over two pieces would slip through. No server prints longer ones.
const maxLine = 1 << 20

// lineWriter hands whole lines to redact before they leave.
type lineWriter struct {
	redact func([]byte) []byte
	write  func([]byte) error
	held   []byte
}

// Write passes on what ends a line and holds back the rest.
func (l *lineWriter) Write(data []byte) error {
	if l.redact == nil {
		return l.write(data)
	}
	l.held = append(l.held, data...)
	end := bytes.LastIndexByte(l.held, '\n') + 1
	if end == 0 && len(l.held) < maxLine {
		return nil
	}
	if end == 0 {
		end = len(l.held)
	}
	out := l.redact(l.held[:end])
	err := l.write(out)
	l.held = append([]byte(nil), l.held[end:]...)
	return err
}

func (l *lineWriter) flush() error {
	if len(l.held) == 0 {
		return nil
	}
	out := l.redact(l.held)
	l.held = nil
	return l.write(out)
}
