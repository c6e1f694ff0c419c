package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counting counts the connections that are made.
func counting(made *atomic.Int64) *Transport {
	return &Transport{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		made.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
}

func post(t *testing.T, ctx context.Context, rt http.RoundTripper, url, body string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, NewBytes([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return rt.RoundTrip(req)
}

func read(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestAConnectionIsUsedAgainAfterAnAnswerThatWasRead(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a server of net/http cannot do both at once
		_, _ = w.Write(body)
		if r.URL.Path == "/chunks" {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, " more")
		}
	}))
	defer s.Close()
	var made atomic.Int64
	rt := counting(&made)
	large := strings.Repeat("x", 3*oneWrite)
	for path, body := range map[string]string{"/": "small", "/large": large, "/chunks": "part"} {
		resp, err := post(t, t.Context(), rt, s.URL+path, body)
		want := body
		if path == "/chunks" {
			want += " more"
		}
		if got := read(t, resp, err); got != want {
			t.Errorf("%s: %d bytes came back, %d went", path, len(got), len(want))
		}
	}
	if made.Load() != 1 {
		t.Errorf("%d connections for three requests in turn", made.Load())
	}
	resp, err := post(t, t.Context(), rt, s.URL+"/large", large)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // not read
	resp, err = post(t, t.Context(), rt, s.URL, "next")
	if got := read(t, resp, err); got != "next" {
		t.Errorf("after an answer that was not read: %q", got)
	}
}

func TestWhatAServerHasClosedWhileIdleIsSentAgain(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer s.Close()
	rt := &Transport{}
	resp, err := post(t, t.Context(), rt, s.URL, "one")
	read(t, resp, err)
	s.CloseClientConnections()
	resp, err = post(t, t.Context(), rt, s.URL, "two")
	if got := read(t, resp, err); got != "two" {
		t.Errorf("%q", got)
	}
	s.Close()
	if _, err := post(t, t.Context(), rt, s.URL, "three"); err == nil {
		t.Error("a server that is gone answered")
	}
}

func TestAServerIsToldWhenItsClientLeaves(t *testing.T) {
	told := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(told)
	}))
	defer s.Close()
	ctx, leave := context.WithCancel(t.Context())
	resp, err := post(t, ctx, &Transport{}, s.URL, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	leave()
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
		t.Error("the answer went on")
	}
	select {
	case <-told:
	case <-time.After(5 * time.Second):
		t.Error("the server was not told")
	}
}

func TestAServerThatDiesInItsAnswerIsNoEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, head := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000))
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"+head+"\r\n\r\n5\r\nhello\r\n")
			_ = c.Close()
		}()
		resp, err := post(t, t.Context(), &Transport{}, "http://"+l.Addr().String(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: a part was read as a whole", head)
		}
		_ = resp.Body.Close()
	}
}

func TestAHeaderCannotBecomeTwo(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1", NewBytes(nil))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	req.URL.Host = strings.TrimPrefix(s.URL, "http://")
	req.Header.Set("Traceparent", "a\r\nX-Admin: yes")
	if resp, err := (&Transport{}).RoundTrip(req); err == nil {
		_ = resp.Body.Close()
		t.Error("it was sent")
	}
}
