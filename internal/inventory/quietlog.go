package inventory

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// What comes over NATS is said by others, and may be said 10,000 times a second.
// So every log of this package goes through quietLog:
//
//	of one kind (the message, whatever its attributes) logAtMost lines a logSpan
//	pass; the last of them says that more are counted, and the first line of the
//	kind after the span says how many there were. A text is cut at maxLogText.
//
// Control characters need no care here: slog's handlers quote them.
const (
	logAtMost  = 5
	logSpan    = time.Minute
	maxLogText = 300 // bytes of one attribute
)

// quietLog limits a logger by kind; nil is one that says nothing.
func quietLog(log *slog.Logger, now func() time.Time) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(quietHandler{log.Handler(), &kinds{now: now, seen: map[string]*kind{}}})
}

// quietHandler is a slog.Handler in front of another.
type quietHandler struct {
	slog.Handler
	kinds *kinds
}

// kinds counts lines by their message. Messages are constants of this package,
// so there are few.
type kinds struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*kind
}

type kind struct {
	since  time.Time
	lines  int
	hidden int
}

// admit tells whether a line of this kind passes, how many of the span before
// were hidden, and whether it is the last one of this span.
func (k *kinds) admit(message string) (pass bool, hidden int, last bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	c := k.seen[message]
	if c == nil {
		c = &kind{since: now}
		k.seen[message] = c
	}
	if now.Sub(c.since) >= logSpan {
		hidden = c.hidden
		*c = kind{since: now}
	}
	if c.lines == logAtMost {
		c.hidden++
		return false, 0, false
	}
	c.lines++
	return true, hidden, c.lines == logAtMost
}

// Handle passes the record on, cut to size, or counts it.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	pass, hidden, last := h.kinds.admit(r.Message)
	if !pass {
		return nil
	}
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(cut(a))
		return true
	})
	if hidden > 0 {
		out.AddAttrs(slog.Int("hidden_before", hidden))
	}
	if last {
		out.AddAttrs(slog.String("more", "counted, not shown, for a minute"))
	}
	return h.Handler.Handle(ctx, out)
}

// cut bounds the text of an attribute; numbers and times are short already.
func cut(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindString && v.Kind() != slog.KindAny {
		return a
	}
	if text := v.String(); len(text) > maxLogText {
		a.Value = slog.StringValue(text[:maxLogText] + "...")
	}
	return a
}

// WithAttrs keeps the counts: they belong to the message.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs), h.kinds}
}

// WithGroup keeps the counts as well.
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name), h.kinds}
}
