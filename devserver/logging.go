package devserver

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

var (
	_ log.Logger        = temporalLogger{}
	_ log.WithLogger    = temporalLogger{}
	_ log.SLogWrapper   = temporalLogger{}
	_ natsserver.Logger = natsLogger{}
)

// temporalLogger lets Temporal log through slog. Tags become attributes only
// when the line is written: Temporal attaches many to lines that rarely are.
type temporalLogger struct {
	slog     *slog.Logger
	stopping *atomic.Bool // set before Temporal is told to stop
	tags     []tag.Tag
}

// SLog is asked for by the parts of Temporal that use slog themselves.
func (l temporalLogger) SLog() *slog.Logger { return l.slog }

func (l temporalLogger) With(tags ...tag.Tag) log.Logger {
	l.tags = append(l.tags[:len(l.tags):len(l.tags)], tags...)
	return l
}

func (l temporalLogger) Debug(msg string, tags ...tag.Tag) { l.log(slog.LevelDebug, msg, tags) }
func (l temporalLogger) Info(msg string, tags ...tag.Tag)  { l.log(slog.LevelInfo, msg, tags) }
func (l temporalLogger) Warn(msg string, tags ...tag.Tag)  { l.log(slog.LevelWarn, msg, tags) }
func (l temporalLogger) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic panics in Temporal's own development builds only.
func (l temporalLogger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l temporalLogger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal must not return: Temporal goes on with a nil listener if it does.
func (l temporalLogger) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	os.Exit(1)
}

func (l temporalLogger) log(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background()
	if level == slog.LevelWarn && l.expected(msg) {
		level = slog.LevelInfo
	}
	if !l.slog.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, len(l.tags)+len(tags))
	for _, t := range append(l.tags[:len(l.tags):len(l.tags)], tags...) {
		attrs = append(attrs, slog.Any(t.Key(), t.Value()))
	}
	l.slog.LogAttrs(ctx, level, msg, attrs...)
}

// expected tells warnings that need nobody's attention: Temporal's services warn
// of each other's leaving when they all stop, and of the HTTP API being off, which
// it is because the UI serves the same API.
func (l temporalLogger) expected(msg string) bool {
	return l.stopping.Load() || strings.HasPrefix(msg, "HTTP API port has not been set")
}

// natsLogger lets NATS log through slog.
type natsLogger struct{ slog *slog.Logger }

func (l natsLogger) Noticef(format string, v ...any) { l.slog.Info(fmt.Sprintf(format, v...)) }
func (l natsLogger) Warnf(format string, v ...any)   { l.slog.Warn(fmt.Sprintf(format, v...)) }
func (l natsLogger) Errorf(format string, v ...any)  { l.slog.Error(fmt.Sprintf(format, v...)) }
func (l natsLogger) Debugf(format string, v ...any)  { l.slog.Debug(fmt.Sprintf(format, v...)) }
func (l natsLogger) Tracef(format string, v ...any)  { l.slog.Debug(fmt.Sprintf(format, v...)) }

// Fatalf follows a failure to listen, after which NATS would never be ready.
func (l natsLogger) Fatalf(format string, v ...any) {
	l.slog.Error(fmt.Sprintf(format, v...))
	os.Exit(1)
}
