package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim/worker"
)

const (
	// dialTimeout is longer than a loaded frontend needs, and short enough for
	// a person to wait for the answer that there is none.
	dialTimeout = 5 * time.Second
	// askTimeout is for one query: a control process that lives answers in
	// milliseconds, one that restarts within a second or two.
	askTimeout = 5 * time.Second
)

// temporal connects to Temporal, once, or says why not.
func (a *app) temporal(ctx context.Context) (client.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	connection, err := a.connection()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := worker.Dial(ctx, connection, "aim-cli", nil, slog.New(slog.DiscardHandler))
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		return nil, failed("connect to Temporal: %w", err) // a certificate
	}
	if err != nil {
		return nil, a.unreachable("Temporal at "+a.settings.Temporal.Address, "temporal.address", err)
	}
	a.client = c
	a.atEnd(c.Close)
	return c, nil
}

// unreachable says who does not answer, and where its address came from.
func (a *app) unreachable(what, key string, err error) error {
	from := a.settings.Source(key)
	advice := "aim up"
	if a.settings.Given(key) {
		advice = "aim doctor"
	}
	return &problem{err: failed("%s (from %s) does not answer: %v", what, from, shortCause(err)), next: advice}
}

// shortCause is the innermost message of an error; gRPC and the SDK wrap it in
// ever the same words.
func shortCause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", dialTimeout)
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
