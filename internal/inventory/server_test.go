package inventory

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/settings"
	"github.com/nats-io/nats-server/v2/server"
)

// startServer runs a NATS server in this process; port -1 takes a free one.
func startServer(t testing.TB, opts server.Options) *server.Server {
	t.Helper()
	opts.Host, opts.NoLog, opts.NoSigs = "127.0.0.1", true, true
	if opts.Port == 0 {
		opts.Port = -1
	}
	s, err := server.NewServer(&opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS server did not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// exportingServer has an account for us that gets the disconnect events of the
// system account, as a production server should be set up.
func exportingServer(t testing.TB) *server.Server {
	sys, ours := server.NewAccount("SYS"), server.NewAccount("AIM")
	s := startServer(t, server.Options{
		SystemAccount: "SYS", Accounts: []*server.Account{sys, ours},
		Users: []*server.User{{Username: "aim", Password: "secret", Account: ours}},
	})
	// The accounts that the server works with are its own copies.
	from, err := s.LookupAccount("SYS")
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.LookupAccount("AIM")
	if err != nil {
		t.Fatal(err)
	}
	if err := from.AddStreamExport(disconnectSubject, nil); err != nil {
		t.Fatal(err)
	}
	if err := to.AddStreamImport(from, disconnectSubject, ""); err != nil {
		t.Fatal(err)
	}
	return s
}

func urlOf(s *server.Server) string { return s.ClientURL() }

func portOf(s *server.Server) int { return s.Addr().(*net.TCPAddr).Port }

func connect(t testing.TB, url, name string) *Conn {
	t.Helper()
	conn, err := Connect(t.Context(), settings.NATS{URL: url}, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// running is something with a Run that the test can end.
type running struct {
	stop func()
	done chan error
}

// run starts f and ends it with the test at the latest.
func run(t testing.TB, f func(context.Context) error) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, done: make(chan error, 1)}
	go func() { r.done <- f(ctx) }()
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops it and waits; a second time it does nothing.
func (r *running) end(t testing.TB) {
	t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("run ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("run did not end")
	}
}

// testNode is a node under test.
type testNode struct {
	*Publisher
	conn *Conn
	run  *running
}

// startNode connects a node, describes it and lets it beat.
func startNode(t testing.TB, url, id string, epoch uint64, opts PublisherOptions) testNode {
	t.Helper()
	conn := connect(t, url, NodeName(id))
	p, err := NewPublisher(conn, id, epoch, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(aim.Node{ID: id, Host: "host-" + id, Version: "1"}); err != nil {
		t.Fatal(err)
	}
	n := testNode{Publisher: p, conn: conn, run: run(t, p.Run)}
	for deadline := time.Now().Add(20 * time.Second); conn.nc.NumSubscriptions() < 3; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen", id)
		}
	}
	if err := conn.nc.Flush(); err != nil { // until now only the client knows of its subscriptions
		t.Fatal(err)
	}
	return n
}

func startView(t testing.TB, url string, opts ViewOptions) *View {
	t.Helper()
	v := NewView(connect(t, url, "aim-control/test"), opts)
	run(t, v.Run)
	return v
}

// eventually waits for a change of the view that makes ok true.
func eventually(t testing.TB, v *View, what string, ok func(aim.Fleet) bool) {
	t.Helper()
	changed, stop := v.Changes()
	defer stop()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case <-changed:
			if ok(v.Fleet()) {
				return
			}
		case <-deadline:
			t.Fatalf("%s: not after 20 s; fleet is %s", what, summary(v.Fleet()))
		}
	}
}

func summary(f aim.Fleet) string {
	s := ""
	for _, n := range f.Nodes {
		s += fmt.Sprintf("%s %s epoch %d revision %d; ", n.ID, n.Liveness, n.Epoch, n.Revision)
	}
	return s
}

func is(id string, l aim.Liveness) func(aim.Fleet) bool {
	return func(f aim.Fleet) bool {
		n, ok := f.Find(id)
		return ok && n.Liveness == l
	}
}

// refuse is a probe of endpoints that are not there, answer one of those that are.
func refuse(context.Context, aim.Endpoint) error { return fmt.Errorf("connection refused") }
func answer(context.Context, aim.Endpoint) error { return nil }
