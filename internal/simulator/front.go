package simulator

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aim-engine/aim/internal/simulator/openai"
)

// front is the HTTP side of the stand-in: it has its port from the start, and
// turns clients away until it is opened.
type front struct {
	api    *openai.Server
	server *http.Server
	door   *door
	ended  chan error // how Serve ended; closed after it
}

func newFront(listener net.Listener, c openai.Config) *front {
	api := openai.New(c)
	f := &front{
		api:    api,
		server: &http.Server{Handler: api, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)},
		door:   &door{Listener: listener},
		ended:  make(chan error, 1),
	}
	go func() {
		f.ended <- f.server.Serve(f.door)
		close(f.ended)
	}()
	return f
}

// address is where the server listens, as vLLM writes it.
func (f *front) address() string {
	address := f.door.Addr().(*net.TCPAddr) // the listener is a TCP one
	if address.IP.IsUnspecified() {
		return net.JoinHostPort("0.0.0.0", strconv.Itoa(address.Port))
	}
	return address.String()
}

// drain lets running requests finish for a while, and takes no new ones.
func (f *front) drain(ctx context.Context, grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	_ = f.server.Shutdown(ctx) // what is not done in time is cut off by close
}

// close cuts off every client and waits for Serve to end.
func (f *front) close() {
	f.server.Close()
	for range f.ended {
	}
}

// door is a listener that resets whoever comes while it is shut: like a server
// that has bound its port and does not listen yet, but a second server on the
// port fails at once.
type door struct {
	net.Listener
	open atomic.Bool
}

// Accept waits for a client that comes while the door is open.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil || d.open.Load() {
			return conn, err
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, which nobody takes for an answer
		}
		conn.Close()
	}
}
