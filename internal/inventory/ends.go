package inventory

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/aim-engine/aim/internal/settings"
)

// toldWithin is how long the end of a connection may take to be told; a server does
// it within milliseconds.
const toldWithin = time.Second

// Version is the version of the server in use, "2.11.0".
func (c *Conn) Version() string { return c.nc.ConnectedServerVersion() }

// TellsOfEnds tries whether the server tells this account of connections that end
// (see disconnectSubject): it makes one and ends it.
func TellsOfEnds(ctx context.Context, conn *Conn, to settings.NATS) (bool, error) {
	name := "aim-look/" + nats.NewInbox()
	told := make(chan struct{}, 1)
	subs := subscriptions{conn: conn}
	defer subs.end()
	err := subs.add(disconnectSubject, "", func(m *nats.Msg) {
		if strings.Contains(string(m.Data), name) {
			select {
			case told <- struct{}{}:
			default:
			}
		}
	})
	if err == nil {
		err = conn.nc.FlushTimeout(connectTimeout)
	}
	if err != nil {
		return false, err
	}
	other, err := Connect(ctx, to, name, nil)
	if err != nil {
		return false, err
	}
	other.Close()
	select {
	case <-told:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-time.After(toldWithin):
		return false, nil
	}
}
