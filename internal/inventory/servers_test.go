package inventory

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim/internal/settings"
)

// mute is the address of a server that takes connections and says nothing, as a
// frozen one does.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "nats://" + l.Addr().String()
}

func TestAFrozenServerOfAListCostsAtMostTwoSeconds(t *testing.T) {
	frozen, well := mute(t), urlOf(startServer(t, server.Options{}))
	for range 3 { // the client tries them in random order
		start := time.Now()
		conn, err := Connect(t.Context(), settings.NATS{URL: frozen + "," + well}, "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(conn.Server(), strings.TrimPrefix(well, "nats://")) {
			t.Errorf("connected to %s", conn.Server())
		}
		conn.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

func TestAListWithoutALivingServerIsToldWhole(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := Connect(ctx, settings.NATS{URL: "nats://127.0.0.1:1,nats://me:secret@127.0.0.1:2"}, "x", nil)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "127.0.0.1:2") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v", err)
	}
}
