package devserver_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// event is what these tests read of a NATS connection event.
type event struct {
	Client struct {
		Name    string `json:"name"`
		Account string `json:"acc"`
	} `json:"client"`
	Reason string `json:"reason"`
}

// awaitEvent returns the next event about the client of that name.
func awaitEvent(t *testing.T, events *nats.Subscription, name string) event {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		msg, err := events.NextMsg(time.Until(deadline))
		if err != nil {
			t.Fatalf("no %s about %s: %v", events.Subject, name, err)
		}
		var e event
		if err := json.Unmarshal(msg.Data, &e); err != nil {
			t.Fatal(err)
		}
		if e.Client.Name == name {
			return e
		}
	}
}

func subscribe(t *testing.T, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil { // the server has it
		t.Fatal(err)
	}
	return sub
}

func connect(t *testing.T, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func TestNATSTellsOrdinaryClientsWhoComesAndGoes(t *testing.T) {
	p := serve(t)
	watcher := connect(t, p.NATSURL)
	came := subscribe(t, watcher, "$SYS.ACCOUNT.*.CONNECT")
	went := subscribe(t, watcher, "$SYS.ACCOUNT.*.DISCONNECT")

	// The connection is cut without a word, as the kernel does for a killed process.
	lost := rawClient(t, hostOf(t, p.NATSURL), "lost")
	if e := awaitEvent(t, came, "lost"); e.Client.Account != "$G" {
		t.Errorf("came in account %q, want the default one", e.Client.Account)
	}
	began := time.Now()
	lost.Close()
	e := awaitEvent(t, went, "lost")
	t.Logf("known after %s: %s", time.Since(began).Round(time.Microsecond), e.Reason)
	if e.Reason == "" {
		t.Error("the event gives no reason")
	}

	// A client that hangs answers no pings.
	rawClient(t, hostOf(t, p.NATSURL), "hung")
	began = time.Now()
	e = awaitEvent(t, went, "hung")
	t.Logf("cut after %s: %s", time.Since(began).Round(time.Millisecond), e.Reason)
	if e.Reason != "Stale Connection" {
		t.Errorf("a client that hangs goes with %q, want Stale Connection", e.Reason)
	}
}

// Ordinary clients get the events, not the rest of the system account.
func TestNATSKeepsTheSystemAccountToItself(t *testing.T) {
	nc := connect(t, serve(t).NATSURL)
	if _, err := nc.Request("$SYS.REQ.SERVER.PING", nil, 10*time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a system request is answered with %v, want no responders", err)
	}
}

// rawClient speaks just enough NATS to be connected, and then nothing: it answers
// no ping. The connection closes with the test.
func rawClient(t *testing.T, address, name string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "CONNECT {\"verbose\":false,\"name\":%q}\r\nPING\r\n", name)
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "PONG") {
			return conn
		}
	}
}
