package inventory

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim/internal/settings"
)

func TestWhetherAServerTellsOfEnds(t *testing.T) {
	exporting := exportingServer(t)
	url := "nats://aim:secret@" + exporting.Addr().String()
	plain := startServer(t, server.Options{})
	for _, c := range []struct {
		url   string
		tells bool
	}{{url, true}, {urlOf(plain), false}} {
		conn := connect(t, c.url, "x")
		tells, err := TellsOfEnds(t.Context(), conn, settings.NATS{URL: c.url})
		if err != nil || tells != c.tells {
			t.Errorf("%v, %v, want %v", tells, err, c.tells)
		}
		if conn.Version() == "" {
			t.Error("no version")
		}
	}
}
