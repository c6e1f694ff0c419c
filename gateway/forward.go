package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/gateway/scan"
	"github.com/aim-engine/aim/gateway/upstream"
)

// result is what became of one try.
type result struct {
	outcome    route.Outcome
	retryAfter time.Duration // that a busy server asked for
	written    bool          // the client has an answer, or a part of one, or has left
	why        string        // why nothing was written
}

// refusal is the answer after the last try.
func (r result) refusal(tries int) *apiError {
	retry := max(r.retryAfter, time.Second)
	return unavailable(retry, "no replica answered in %d tries: %s", tries, r.why)
}

// wholeAnswer is how much of an answer that is no stream is kept back until it is
// complete: a server that dies in the middle of it costs another try, not half an
// answer.
const wholeAnswer = 8 << 20

// try sends the request to one replica and passes its answer on.
func (x *exchange) try(lease *route.Lease) result {
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	lease.OnGone(goneGrace, cancel)
	serves := x.names.upstream(x.deployment, x.q.read.Model, lease.Serves)
	req, err := x.request(ctx, lease, x.q.forServer(serves))
	if err != nil {
		return result{outcome: route.Broken, why: err.Error()}
	}
	if !x.open {
		x.begin()
	}
	resp, err := x.gateway.opts.Transport.RoundTrip(req)
	if err != nil {
		return x.broken(lease, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		return x.busy(lease, resp)
	case isStream(resp) && resp.StatusCode == http.StatusOK:
		return x.stream(lease, resp)
	}
	return x.whole(lease, resp)
}

// goneGrace is how long a replica that takes no new request may still answer the
// ones it has: what nodes give a server to end by itself. A stream that has begun
// is left to end whenever it does: nothing of its machine may be left to say so.
const goneGrace = 30 * time.Second

// request is written by hand: parsing a URL for each would cost more than the
// choice of the replica.
func (x *exchange) request(ctx context.Context, lease *route.Lease, body []byte) (*http.Request, error) {
	host, ok := strings.CutPrefix(lease.URL, "http://")
	scheme := "http"
	if !ok {
		if host, ok = strings.CutPrefix(lease.URL, "https://"); !ok {
			return nil, fmt.Errorf("the replica's address %q is not one", lease.URL)
		}
		scheme = "https"
	}
	h := http.Header{"Content-Type": x.r.Header["Content-Type"], "X-Request-Id": {x.id}, "User-Agent": {"aim-gateway"}}
	for _, name := range []string{"Accept", "Traceparent", "Tracestate", "Anthropic-Version"} {
		if v := x.r.Header[name]; v != nil {
			h[name] = v
		}
	}
	if lease.Key != "" {
		h["Authorization"] = []string{"Bearer " + lease.Key}
	}
	req := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: scheme, Host: host, Path: x.q.iface.path},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: host, Header: h,
		Body: upstream.NewBytes(body), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return upstream.NewBytes(body), nil },
	}
	return req.WithContext(ctx), nil
}

func isStream(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
}

// broken tells a replica that failed from a client that left.
func (x *exchange) broken(lease *route.Lease, err error) result {
	if x.r.Context().Err() != nil {
		return result{outcome: route.Left, written: true}
	}
	select {
	case <-lease.Gone():
		err = errors.New("it has ended")
	default:
	}
	return result{outcome: route.Broken, why: fmt.Sprintf("%s: %v", lease.Replica, err)}
}

func (x *exchange) busy(lease *route.Lease, resp *http.Response) result {
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return result{outcome: route.Busy, retryAfter: time.Duration(max(seconds, 0)) * time.Second,
		why: fmt.Sprintf("%s is busy: %s", lease.Replica, clip(strings.TrimSpace(string(said)), 200))}
}

// whole passes on an answer that is no stream, when all of it is there.
func (x *exchange) whole(lease *route.Lease, resp *http.Response) result {
	b := buffers.Get().(*bytes.Buffer)
	defer giveBack(b)
	if n := resp.ContentLength; n > 0 && n <= wholeAnswer {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err := b.ReadFrom(io.LimitReader(resp.Body, wholeAnswer))
	if err != nil {
		return x.broken(lease, err)
	}
	lease.Begun()
	outcome := route.Answered
	if resp.StatusCode >= http.StatusInternalServerError {
		outcome = route.Failed
		if x.retriesFailed(lease) {
			return result{outcome: outcome, why: fmt.Sprintf("%s answered %d: %s", lease.Replica, resp.StatusCode, clip(b.String(), 200))}
		}
	}
	usage, _ := scan.ReadUsage(b.Bytes())
	x.note(lease, resp.StatusCode, usage, false)
	copyHeader(x.w.Header(), resp.Header)
	x.w.Header().Set("X-Request-Id", x.id)
	if b.Len() < wholeAnswer {
		x.w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	}
	x.w.WriteHeader(resp.StatusCode)
	if _, err := x.w.Write(b.Bytes()); err != nil {
		return result{outcome: route.Left, written: true}
	}
	if b.Len() == wholeAnswer {
		if _, err := io.Copy(x.w, resp.Body); err != nil {
			x.gateway.metrics.broke(x.deployment)
			x.usage.Interrupted = true
			panic(http.ErrAbortHandler) // so that nobody takes the part for the whole
		}
	}
	return result{outcome: outcome, written: true}
}

// retriesFailed tells whether a 5xx is worth another replica: it may be the
// request's own doing, so one other is asked and no more.
func (x *exchange) retriesFailed(lease *route.Lease) bool {
	if x.failed {
		return false
	}
	x.failed = true
	return x.gateway.poolOf(x.deployment).Load().Replicas > 1
}

// passed are the headers of a server's answer that clients read.
var passed = []string{"Content-Type", "X-Aim-Simulated", "Openai-Processing-Ms", "Openai-Version"}

func copyHeader(to, from http.Header) {
	for _, name := range passed {
		if v := from[name]; v != nil {
			to[name] = v
		}
	}
}

// requestID is the client's where it sent a decent one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return id
	}
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return "req-" + hex.EncodeToString(b[:])
}
