package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/aim-engine/aim/gateway/route"
	"github.com/aim-engine/aim/gateway/scan"
)

// events are read into these; an event of more than the first size makes its own
// grow, up to maxEvent.
var eventBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

const maxEvent = 4 << 20

var errEventTooLong = errors.New("an event of more than 4 MiB")

// stream passes server-sent events on as they come, whole ones only. A stream
// whose end was not announced in the way of its interface is a broken one, and
// the client is told so.
func (x *exchange) stream(lease *route.Lease, resp *http.Response) result {
	s := &streamer{x: x, lease: lease, flush: http.NewResponseController(x.w)}
	buffer := eventBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= 64<<10 {
			*buffer = (*buffer)[:0]
			eventBuffers.Put(buffer)
		}
	}()
	err := s.pump(resp, buffer)
	switch {
	case !s.begun && err != nil:
		return x.broken(lease, err)
	case x.r.Context().Err() != nil || s.clientGone:
		x.note(lease, http.StatusOK, s.usage(), true)
		return result{outcome: route.Left, written: true}
	case s.complete:
		x.note(lease, http.StatusOK, s.usage(), false)
		return result{outcome: route.Answered, written: true}
	case !s.begun:
		return x.broken(lease, errors.New("the stream ended before its first event"))
	}
	x.gateway.metrics.broke(x.deployment)
	x.note(lease, http.StatusOK, s.usage(), true)
	lease.Done(route.Broken, 0) // before the handler is left by a panic
	s.tellBroken()
	panic(http.ErrAbortHandler) // no last chunk: who does not read events sees it too
}

// streamer is a stream on its way.
type streamer struct {
	x          *exchange
	lease      *route.Lease
	flush      *http.ResponseController
	begun      bool // the header is written
	complete   bool // the end was announced
	clientGone bool
	tokens     int64 // events with content, where the server tells no usage
	told       scan.Usage
	knows      bool
}

// pump reads until the server ends the stream, passing on all whole events of a
// read at once. The error is nil at the server's clean end.
func (s *streamer) pump(resp *http.Response, buffer *[]byte) error {
	for {
		b := *buffer
		if len(b) == cap(b) {
			if cap(b) >= maxEvent {
				return errEventTooLong
			}
			b = append(make([]byte, 0, 2*cap(b)), b...)
		}
		n, err := resp.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if end := lastEventEnd(b, n); end > 0 {
			if !s.begun {
				s.begin(resp)
			}
			if !s.pass(b[:end]) {
				s.clientGone = true
				return nil
			}
			b = b[:copy(b, b[end:])]
		}
		*buffer = b
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lastEventEnd is where the last whole event ends: behind an empty line. Only the
// last n bytes are new.
func lastEventEnd(b []byte, n int) int {
	from := max(0, len(b)-n-3)
	fresh := b[from:]
	end := 0
	if i := bytes.LastIndex(fresh, []byte("\n\n")); i >= 0 {
		end = from + i + 2
	}
	if i := bytes.LastIndex(fresh, []byte("\r\n\r\n")); i >= 0 {
		end = max(end, from+i+4)
	}
	return end
}

func (s *streamer) begin(resp *http.Response) {
	s.begun = true
	s.lease.Begun()
	s.x.gateway.metrics.firstToken(s.x.deployment, s.x.began)
	h := s.x.w.Header()
	copyHeader(h, resp.Header)
	h.Set("X-Request-Id", s.x.id)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // a proxy in front must not collect events
	s.x.w.WriteHeader(http.StatusOK)
}

// pass writes whole events, without the usage that only the gateway asked for.
// false means that the client has left.
func (s *streamer) pass(events []byte) bool {
	kept := s.look(events)
	if len(kept) == 0 {
		return true
	}
	if _, err := s.x.w.Write(kept); err != nil {
		return false
	}
	return s.flush.Flush() == nil
}

var (
	dataField  = []byte("data:")
	doneMark   = []byte("[DONE]")
	usageField = []byte(`"usage"`)
)

// look reads what the gateway has to know of the events, and returns those that
// are passed on: nearly always all, as they are.
func (s *streamer) look(events []byte) []byte {
	hides := s.x.q.iface.kind == completions && !s.x.q.read.Usage
	var kept []byte // set when something is left out
	start := 0      // of what is kept as it is
	for at := 0; at < len(events); {
		event := events[at : at+firstEventEnd(events[at:])]
		data := dataOf(event)
		s.tokens++
		if s.ends(event, data) {
			s.complete = true
		}
		if bytes.Contains(data, usageField) {
			if u, ok := scan.ReadUsage(data); ok {
				s.told, s.knows = u, true
				if hides && scan.OnlyUsage(data) {
					kept = append(kept, events[start:at]...)
					start = at + len(event)
					if kept == nil {
						kept = []byte{}
					}
				}
			}
		}
		at += len(event)
	}
	s.x.hold.Grow(s.tokens)
	if kept == nil {
		return events
	}
	return append(kept, events[start:]...)
}

// firstEventEnd is where the first event ends; events are whole.
func firstEventEnd(b []byte) int {
	end := len(b)
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		end = i + 2
	}
	if i := bytes.Index(b[:end], []byte("\r\n\r\n")); i >= 0 {
		end = min(end, i+4)
	}
	return end
}

// dataOf is the data of an event, of its first data line: servers write one.
func dataOf(event []byte) []byte {
	for line := range bytes.Lines(event) {
		if rest, ok := bytes.CutPrefix(line, dataField); ok {
			return bytes.TrimSpace(rest)
		}
	}
	return nil
}

// ends tells whether an event is the last one of its interface.
func (s *streamer) ends(event, data []byte) bool {
	switch s.x.q.iface.kind {
	case responses:
		return hasType(event, data, "response.completed", "response.incomplete", "response.failed")
	case messages:
		return hasType(event, data, "message_stop")
	}
	return bytes.Equal(data, doneMark)
}

func hasType(event, data []byte, types ...string) bool {
	for _, t := range types {
		if bytes.HasPrefix(event, []byte("event: "+t)) {
			return true
		}
		if bytes.HasPrefix(data, []byte(`{"type":"`+t+`"`)) {
			return true
		}
	}
	return false
}

// usage is what the server told, else what was seen: a token an event, roughly.
func (s *streamer) usage() scan.Usage {
	if s.knows {
		return s.told
	}
	return scan.Usage{Prompt: s.x.q.promptTokens(), Completion: s.tokens}
}

// tellBroken ends a stream in the way of its interface: with an error event, and
// without what would say that it is complete.
func (s *streamer) tellBroken() {
	message := "the replica stopped in the middle of its answer; ask again"
	var data []byte
	switch s.x.q.iface.kind {
	case responses:
		data, _ = json.Marshal(map[string]any{"type": "error", "code": "server_error", "message": message, "param": nil, "sequence_number": s.tokens})
	case messages:
		data, _ = json.Marshal(map[string]any{"type": "error", "error": map[string]string{"type": "api_error", "message": message}})
	default:
		data = (&apiError{kind: "server_error", code: "stream_broken", message: message}).body()
	}
	_, _ = s.x.w.Write([]byte("event: error\ndata: " + string(data) + "\n\n"))
	_ = s.flush.Flush()
}
