package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/aim-engine/aim/internal/settings"
)

const (
	// After a server restart all clients come back within half a second and not
	// at the same moment: 2,000 agents were all back in under a second.
	reconnectWait   = 100 * time.Millisecond
	reconnectJitter = 400 * time.Millisecond
	// A dead path is noticed after three unanswered pings; the default is minutes.
	pingEvery = 2 * time.Second
	maxPings  = 3
	// connectTimeout bounds the first attempt where the context does not.
	connectTimeout = 5 * time.Second
	// connectOneOf bounds the attempt at one of several servers: a dead one costs
	// no more, then the next is asked.
	connectOneOf = 1500 * time.Millisecond
)

// Conn is a connection to NATS. It reconnects for ever; what is published while
// it is down is dropped, since an old beat is worth nothing.
type Conn struct {
	nc  *nats.Conn
	log *slog.Logger

	mu          sync.Mutex
	onReconnect map[int]func()
	hooks       int
}

// Connect connects to NATS under this client name (see NodeName). Of a list of
// servers any may be dead: each costs at most 1.5 s. The context's deadline bounds
// the first attempt, at most 5 s. The error says which server could not be reached
// and what to do; passwords in the URL are not shown. A nil log tells nothing.
func Connect(ctx context.Context, to settings.NATS, name string, log *slog.Logger) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &Conn{log: quietLog(log, time.Now), onReconnect: map[int]func(){}}
	timeout := connectTimeout
	if strings.Contains(to.URL, ",") {
		timeout = connectOneOf
	}
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	nc, err := nats.Connect(to.URL, append(secure(to),
		nats.Name(name),
		nats.Timeout(timeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(maxPings),
		nats.ReconnectHandler(func(*nats.Conn) { c.reconnected() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: we have closed it ourselves
				c.log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ErrorHandler(c.asyncError),
	)...)
	if err != nil {
		return nil, connectError(to.URL, err)
	}
	c.nc = nc
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() { c.nc.Close() }

// Connected tells whether the server can be reached right now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Server is the URL of the server in use, without credentials.
func (c *Conn) Server() string { return c.nc.ConnectedUrlRedacted() }

func secure(to settings.NATS) []nats.Option {
	var out []nats.Option
	if to.Creds != "" {
		out = append(out, nats.UserCredentials(to.Creds))
	}
	if to.TLSCA != "" {
		out = append(out, nats.RootCAs(to.TLSCA))
	}
	if to.TLSCert != "" {
		out = append(out, nats.ClientCert(to.TLSCert, to.TLSKey))
	}
	return out
}

func connectError(server string, err error) error {
	where := redactURLs(server)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("NATS at %s refuses the credentials: %w; check the user in NATS_URL or the credentials file", where, err)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("connect to NATS at %s: %w", where, err) // a file of the settings
	}
	return fmt.Errorf("cannot reach NATS at %s: %w; start it or set NATS_URL", where, err)
}

// redactURLs hides the passwords in a list of server URLs.
func redactURLs(list string) string {
	servers := strings.Split(list, ",")
	for i, s := range servers {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil {
			servers[i] = "(a URL that cannot be read)"
			continue
		}
		servers[i] = u.Redacted()
	}
	return strings.Join(servers, ",")
}

// asyncError hears what no call could return: dropped messages and refused
// subjects. Dropped beats heal themselves (digest), so one line is enough.
func (c *Conn) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	c.log.Warn("NATS", "subject", subject, "error", err)
}

// whenReconnected calls f after every reconnect, until the returned function
// is called.
func (c *Conn) whenReconnected(f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks++
	n := c.hooks
	c.onReconnect[n] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.onReconnect, n)
	}
}

func (c *Conn) reconnected() {
	c.log.Info("NATS connection is back", "server", c.nc.ConnectedUrlRedacted())
	c.mu.Lock()
	hooks := make([]func(), 0, len(c.onReconnect))
	for _, f := range c.onReconnect {
		hooks = append(hooks, f)
	}
	c.mu.Unlock()
	for _, f := range hooks {
		f()
	}
}

// publish drops the message while there is no connection; every message of
// this package is repeated or asked for again.
func (c *Conn) publish(subject string, data []byte) error {
	err := c.nc.Publish(subject, data)
	if errors.Is(err, nats.ErrReconnectBufExceeded) {
		return nil
	}
	return err
}
