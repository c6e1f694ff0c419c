package inventory

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	"github.com/nats-io/nats-server/v2/server"
)

// hole is a proxy to a server that can swallow what goes one way: connections
// stay open, as with a broken switch or a firewall that forgets.
type hole struct {
	listener net.Listener
	to       string
	swallow  [2]atomic.Bool // up: what clients send; down: what the server sends
	wg       sync.WaitGroup
}

const (
	up   = 0
	down = 1
)

func startHole(t *testing.T, to string) *hole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{listener: l, to: to}
	ctx, stop := context.WithCancel(context.Background())
	h.wg.Go(func() { h.accept(ctx) })
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		h.wg.Wait()
	})
	return h
}

func (h *hole) url() string { return "nats://" + h.listener.Addr().String() }

func (h *hole) accept(ctx context.Context) {
	for {
		client, err := h.listener.Accept()
		if err != nil {
			return
		}
		h.wg.Go(func() { h.join(ctx, client) })
	}
}

// join passes on both ways until one of them ends.
func (h *hole) join(ctx context.Context, client net.Conn) {
	remote, err := net.Dial("tcp", h.to)
	if err != nil {
		_ = client.Close()
		return
	}
	end := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), remote.Close()) })
	defer end()
	var ways sync.WaitGroup
	for way, ends := range [2][2]net.Conn{{client, remote}, {remote, client}} {
		ways.Go(func() {
			h.pass(way, ends[0], ends[1])
			_ = errors.Join(client.Close(), remote.Close())
		})
	}
	ways.Wait()
}

func (h *hole) pass(way int, from io.Reader, to io.Writer) {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		if h.swallow[way].Load() {
			continue
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

// A node whose beats are swallowed while its endpoint answers is away, not lost,
// and is back by itself when the way is clear. One that cannot hear, but can be
// heard, stays alive all the while.
func TestANodeBehindAOneWayBlackhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		way  int
		want aim.Liveness
	}{"its beats are swallowed": {up, aim.Away}, "what it should hear is swallowed": {down, aim.Alive}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, server.Options{})
			h := startHole(t, s.Addr().String())
			v := startView(t, urlOf(s), ViewOptions{Probe: answer})
			n := startNode(t, h.url(), "n1", 1, PublisherOptions{})
			if err := n.Publish(aim.Node{Host: "h", Endpoints: []aim.Endpoint{{URL: "http://n1", Healthy: true}}}); err != nil {
				t.Fatal(err)
			}
			eventually(t, v, "its endpoint is known", func(f aim.Fleet) bool {
				found, _ := f.Find("n1")
				return found.Liveness == aim.Alive && len(found.Endpoints) == 1
			})
			lost := watchFor(t, v, "n1", aim.Lost)
			h.swallow[c.way].Store(true)
			if c.want == aim.Away {
				eventually(t, v, "it is away", is("n1", aim.Away))
			} else {
				silence := watchFor(t, v, "n1", aim.Silent)
				<-time.After(2 * time.Second) // less than the pings that it misses take
				if silence() {
					t.Error("it was thought silent, and beat")
				}
			}
			h.swallow[c.way].Store(false)
			eventually(t, v, "it is back", is("n1", aim.Alive))
			if lost() {
				t.Error("it was thought lost, and served")
			}
		})
	}
}

// A control that cannot hear judges nobody, and holds back replacements.
func TestAControlBehindAOneWayBlackhole(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]int{"what it should hear is swallowed": down, "what it says is swallowed": up} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, server.Options{})
			h := startHole(t, s.Addr().String())
			v := startView(t, h.url(), ViewOptions{Probe: refuse})
			n := startNode(t, urlOf(s), "n1", 1, PublisherOptions{})
			if err := n.Publish(aim.Node{Host: "h", Endpoints: []aim.Endpoint{{URL: "http://n1", Healthy: true}}}); err != nil {
				t.Fatal(err)
			}
			eventually(t, v, "n1 is seen", is("n1", aim.Alive))
			lost := watchFor(t, v, "n1", aim.Lost)
			h.swallow[way].Store(true)
			for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
				if held, _ := v.Held(); held {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("nothing is held back")
				}
			}
			h.swallow[way].Store(false)
			for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
				if held, _ := v.Held(); !held {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("it still holds back")
				}
			}
			eventually(t, v, "n1 is alive", is("n1", aim.Alive))
			if lost() {
				t.Error("n1 was thought lost by a control that was cut off")
			}
		})
	}
}

// watchFor tells, when asked, whether the node has been in this state since.
func watchFor(t *testing.T, v *View, id string, state aim.Liveness) (was func() bool) {
	t.Helper()
	changed, stop := v.Changes()
	ended, found := make(chan struct{}), make(chan bool, 1)
	go func() {
		was := false
		for {
			select {
			case <-changed:
				if verdict, _ := v.Verdict(id); verdict.Liveness == state {
					was = true
				}
			case <-ended:
				found <- was
				return
			}
		}
	}()
	return sync.OnceValue(func() bool {
		close(ended)
		stop()
		return <-found
	})
}
