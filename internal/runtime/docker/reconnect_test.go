package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/runtime/runtimetest"
)

// relay passes connections on to the daemon, until it is told to go away.
type relay struct {
	path, daemon string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	seen     int // connections so far
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	daemon, ok := strings.CutPrefix(client.DefaultDockerHost, "unix://")
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		daemon, ok = strings.CutPrefix(host, "unix://")
	}
	if !ok {
		t.Skip("the daemon has no local socket")
	}
	// A short path: those of sockets are limited to 107 bytes.
	dir, err := os.MkdirTemp("", "relay")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{path: filepath.Join(dir, "s"), daemon: daemon}
	t.Cleanup(func() { r.goAway(); os.RemoveAll(dir) })
	return r
}

func (r *relay) comeBack(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.listener = listener
	r.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.pass(conn)
		}
	}()
}

func (r *relay) pass(in net.Conn) {
	out, err := net.Dial("unix", r.daemon)
	if err != nil {
		in.Close()
		return
	}
	r.mu.Lock()
	r.conns = append(r.conns, in, out)
	r.seen++
	r.mu.Unlock()
	go func() { io.Copy(out, in); out.Close() }()
	io.Copy(in, out)
	in.Close()
}

func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// goAway is the end of the daemon: no socket, and all connections cut.
func (r *relay) goAway() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		r.listener.Close()
	}
	for _, c := range r.conns {
		c.Close()
	}
	r.listener, r.conns = nil, nil
}

func TestDaemonGoneIsNotServerEnded(t *testing.T) {
	d := newDaemon(t)
	launch := d.subject().Launch(t)
	direct, _ := d.run(t, launch)
	way := newRelay(t)
	way.comeBack(t)
	d.cfg.DockerHost = "unix://" + way.path
	rt := d.open(t)

	type answer struct {
		exit aim.Exit
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		exit, err := rt.Wait(t.Context(), launch.Identity)
		answers <- answer{exit, err}
	}()
	runtimetest.Eventually(t, "the wait", func() bool { return way.connections() > 0 })
	way.goAway()
	runtimetest.Eventually(t, "the loss of the daemon", func() bool { return rt.Check(t.Context()) != nil })

	// Another wait that begins while the daemon is gone ends with its context.
	ctx, cancel := context.WithTimeout(t.Context(), 2*reconnectEvery)
	defer cancel()
	if exit, err := rt.Wait(ctx, launch.Identity); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait without a daemon: %+v, %v", exit, err)
	}
	select {
	case a := <-answers:
		t.Fatalf("the wait has ended: %+v", a)
	default:
	}
	before := way.connections()
	way.comeBack(t)
	runtimetest.Eventually(t, "the wait to ask again", func() bool { return way.connections() > before })
	if err := direct.Stop(t.Context(), launch.Identity, runtimetest.Patience); err != nil {
		t.Fatal(err)
	}
	select {
	case a := <-answers:
		if a.err != nil || a.exit.Code != 0 {
			t.Errorf("%+v", a)
		}
	case <-time.After(runtimetest.Patience):
		t.Error("the wait has missed the end")
	}
}
