package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/temporal"
)

const (
	// dialTimeout is longer than a loaded frontend needs, and short enough for
	// a person to wait for the answer that there is none.
	dialTimeout = 5 * time.Second
	// AskTimeout is for one query: a control process that lives answers in
	// milliseconds, one that restarts within a second or two.
	AskTimeout = 5 * time.Second
)

// Temporal connects to Temporal, once, or says why not.
func (a *App) Temporal(ctx context.Context) (client.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := temporal.Dial(ctx, a.Settings.Temporal, "aim-cli", nil, slog.New(slog.DiscardHandler))
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		return nil, Failed("connect to Temporal: %w", err) // a certificate
	}
	if err != nil {
		return nil, a.unreachable("Temporal at "+a.Settings.Temporal.Address, "temporal.address", err)
	}
	a.client = c
	a.atEnd(c.Close)
	return c, nil
}

// unreachable says who does not answer, and where its address came from.
func (a *App) unreachable(what, key string, err error) error {
	from := a.Settings.Source(key)
	if unread := a.Settings.Unread(); unread != nil && !a.Settings.Given(key) {
		return &Problem{Err: Failed("%s, so the address is not known; %s (from %s) does not answer", unread, what, from), Next: a.asOwner()}
	}
	advice := "aim up"
	if a.Settings.Given(key) {
		advice = "aim doctor"
	}
	return &Problem{Err: Failed("%s (from %s) does not answer: %v", what, from, ShortCause(err)), Next: advice}
}

// asOwner is the same command line as the user whose state folder it is.
func (a *App) asOwner() string {
	words := append([]string{"aim"}, a.Args...)
	info, err := os.Stat(a.Settings.Dir)
	if err != nil {
		return "aim doctor"
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Getuid() {
		return "aim doctor"
	}
	name := fmt.Sprintf("#%d", owner.Uid)
	if u, err := user.LookupId(fmt.Sprint(owner.Uid)); err == nil {
		name = u.Username
	}
	return strings.Join(aim.QuoteAll(append([]string{"sudo", "-u", name}, words...)), " ")
}

// ShortCause is the innermost message of an error; gRPC and the SDK wrap it in
// ever the same words.
func ShortCause(err error) string {
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

// DaemonEnd tells an ordered end from a failure: being told to stop is no error.
func DaemonEnd(ctx context.Context, name string, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return Next(Failed("%s ended: %w", name, err), "aim doctor")
}
