package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// idleFor is how long a connection waits for its next request. Uvicorn closes at
	// 5 s; who closes first loses no request.
	idleFor = 4 * time.Second
	// idlePerHost bounds the connections that wait.
	idlePerHost = 512
	readBuffer  = 4 << 10
	// oneWrite is up to which size head and body are copied into one write.
	oneWrite = 16 << 10
	// lastWords is how long an answer is waited for when a server takes no more of a
	// request: it may have refused it before its end.
	lastWords = time.Second
)

// Transport is an http.RoundTripper for requests with a body in memory to servers
// that speak plain HTTP/1.1. It is safe for concurrent use; the zero value is
// ready.
type Transport struct {
	// Dial makes a connection; net.Dialer's by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS takes the requests to https addresses; http.DefaultTransport by default.
	TLS http.RoundTripper

	mu       sync.Mutex
	idle     map[string][]*conn // by host:port, the latest last
	sweeping bool
}

type conn struct {
	net.Conn
	r     *bufio.Reader
	host  string
	since time.Time // that it is idle
}

// RoundTrip sends the request. The body of the answer must be closed. The error
// is the connection's, or the context's.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "https" {
		if t.TLS == nil {
			return http.DefaultTransport.RoundTrip(req)
		}
		return t.TLS.RoundTrip(req)
	}
	var body []byte
	if b, ok := req.Body.(*Bytes); ok {
		body = b.data
	} else if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	for {
		c, reused, err := t.get(req.Context(), req.URL.Host)
		if err != nil {
			return nil, err
		}
		resp, err := t.ask(c, req, body)
		if err == nil {
			return resp, nil
		}
		if ctx := req.Context().Err(); ctx != nil {
			return nil, ctx
		}
		if !reused || !errors.Is(err, errNoAnswer) {
			return nil, err
		}
	}
}

// Bytes is a request's body in memory.
type Bytes struct {
	data []byte
	bytes.Reader
}

// NewBytes makes a body.
func NewBytes(data []byte) *Bytes {
	b := &Bytes{data: data}
	b.Reset(data)
	return b
}

// Close does nothing.
func (b *Bytes) Close() error { return nil }

// get takes the idle connection that was used last, or makes one.
func (t *Transport) get(ctx context.Context, host string) (c *conn, reused bool, err error) {
	t.mu.Lock()
	for list := t.idle[host]; len(list) > 0; list = t.idle[host] {
		c = list[len(list)-1]
		list[len(list)-1] = nil
		t.idle[host] = list[:len(list)-1]
		if time.Since(c.since) < idleFor {
			t.mu.Unlock()
			return c, true, nil
		}
		_ = c.Close()
	}
	t.mu.Unlock()
	dial := t.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	raw, err := dial(ctx, "tcp", host)
	if err != nil {
		return nil, false, err
	}
	return &conn{Conn: raw, r: bufio.NewReaderSize(raw, readBuffer), host: host}, false, nil
}

// put keeps a connection for the next request.
func (t *Transport) put(c *conn) {
	c.since = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.idle[c.host]) >= idlePerHost {
		_ = c.Close()
		return
	}
	if t.idle == nil {
		t.idle = map[string][]*conn{}
	}
	t.idle[c.host] = append(t.idle[c.host], c)
	if !t.sweeping {
		t.sweeping = true
		time.AfterFunc(idleFor, t.sweep)
	}
}

// sweep closes what has been idle for too long, and comes again while any is left.
func (t *Transport) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for host, list := range t.idle {
		keep := 0
		for keep < len(list) && time.Since(list[keep].since) >= idleFor {
			_ = list[keep].Close()
			keep++
		}
		if keep == len(list) {
			delete(t.idle, host)
		} else if keep > 0 {
			t.idle[host] = append([]*conn(nil), list[keep:]...)
		}
	}
	if t.sweeping = len(t.idle) > 0; t.sweeping {
		time.AfterFunc(idleFor, t.sweep)
	}
}

// errNoAnswer means that the connection ended before the first byte of an answer.
var errNoAnswer = errors.New("the server closed the connection without an answer")

// ask writes the request and reads the head of its answer.
func (t *Transport) ask(c *conn, req *http.Request, body []byte) (*http.Response, error) {
	stop := context.AfterFunc(req.Context(), func() { _ = c.Close() })
	resp, err := c.exchange(req, body)
	if err != nil {
		stop()
		_ = c.Close()
		return nil, err
	}
	resp.Body = &answer{t: t, c: c, stop: stop, body: resp.Body, keep: !resp.Close}
	return resp, nil
}

var heads = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (c *conn) exchange(req *http.Request, body []byte) (*http.Response, error) {
	head := heads.Get().(*bytes.Buffer)
	defer heads.Put(head)
	head.Reset()
	if err := writeHead(head, req, len(body)); err != nil {
		return nil, err
	}
	var wrote error
	if len(body) <= oneWrite {
		head.Write(body)
		_, wrote = c.Write(head.Bytes())
	} else {
		both := net.Buffers{head.Bytes(), body}
		_, wrote = both.WriteTo(c.Conn)
	}
	if wrote != nil {
		_ = c.SetReadDeadline(time.Now().Add(lastWords))
	}
	if _, err := c.r.Peek(1); err != nil {
		if wrote != nil {
			err = wrote
		}
		return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	for {
		resp, err := http.ReadResponse(c.r, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			resp.Close = resp.Close || wrote != nil
			return resp, nil
		}
	}
}

// writeHead refuses what would be more than one header.
func writeHead(b *bytes.Buffer, req *http.Request, length int) error {
	b.WriteString(req.Method)
	b.WriteByte(' ')
	b.WriteString(req.URL.RequestURI())
	b.WriteString(" HTTP/1.1\r\nHost: ")
	b.WriteString(req.URL.Host)
	b.WriteString("\r\nContent-Length: ")
	b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(length), 10))
	for name, values := range req.Header {
		for _, v := range values {
			for i := range len(v) {
				if v[i] < ' ' && v[i] != '\t' || v[i] == 0x7f {
					return fmt.Errorf("header %s has a byte that is not allowed", name)
				}
			}
			b.WriteString("\r\n")
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(v)
		}
	}
	b.WriteString("\r\n\r\n")
	return nil
}

// answer is the body of an answer on its connection.
type answer struct {
	t     *Transport
	c     *conn
	stop  func() bool // takes the watch for the context's end away
	body  io.Reader
	keep  bool // the connection may be used again
	ended bool // the body was read to its end
}

func (a *answer) Read(p []byte) (int, error) {
	if a.c == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := a.body.Read(p)
	if errors.Is(err, io.EOF) {
		a.ended = true
	}
	return n, err
}

// Close gives the connection back, or ends it and so tells the server that nobody
// listens any more.
func (a *answer) Close() error {
	c := a.c
	if c == nil {
		return nil
	}
	a.c = nil
	if a.stop() && a.ended && a.keep && c.r.Buffered() == 0 {
		a.t.put(c)
		return nil
	}
	return c.Close()
}
