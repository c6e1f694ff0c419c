package hub

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fault is something that goes wrong on request.
type Fault struct {
	// Path is the end of the URL paths that it strikes, for example
	// "config.json"; "" strikes every path.
	Path string
	// Times is how often it strikes; 0 is for ever.
	Times int

	Status   int               // answer with this status instead
	Header   map[string]string // with Status: these headers, and none of the hub's own
	Body     string            // with Header: the content
	CutAfter int64             // cut the connection after so many bytes of the body
	Corrupt  bool              // change bytes on the way
	Rate     int64             // send no more bytes a second than this
	NoRange  bool              // ignore Range and send everything
}

// Inject adds a fault. The first one that matches a request strikes.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// strike finds the fault for a path and uses it up.
func (s *Server) strike(path string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !strings.HasSuffix(path, f.Path) {
			continue
		}
		if f.Times == 1 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		f.Times--
		return *f, true
	}
	return Fault{}, false
}

// sabotage applies the fault for this request; done means that it has been
// answered already.
func (s *Server) sabotage(w http.ResponseWriter, r *http.Request) (_ http.ResponseWriter, done bool) {
	f, ok := s.strike(r.URL.Path)
	if !ok {
		return w, false
	}
	if f.Header != nil {
		for name, value := range f.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return w, true
	}
	if f.Status != 0 {
		refuse(w, f.Status, "", "Simulated fault")
		return w, true
	}
	if f.NoRange {
		r.Header.Del("Range")
	}
	return &faultyWriter{ResponseWriter: w, ctx: r.Context(), fault: f}, false
}

// faultyWriter damages a body on its way out.
type faultyWriter struct {
	http.ResponseWriter
	ctx   context.Context
	fault Fault
	sent  int64
}

// chunk is small, so that a slow body trickles rather than comes in bursts.
const chunk = 4 << 10

// Write sends b in pieces.
func (w *faultyWriter) Write(b []byte) (n int, err error) {
	for n < len(b) {
		piece := b[n:min(n+chunk, len(b))]
		if w.fault.CutAfter > 0 {
			piece = piece[:min(int64(len(piece)), w.fault.CutAfter-w.sent)]
		}
		if err := w.send(piece); err != nil {
			return n, err
		}
		n += len(piece)
		if w.fault.CutAfter > 0 && w.sent >= w.fault.CutAfter {
			panic(http.ErrAbortHandler) // closes the connection without an end of body
		}
	}
	return n, nil
}

// send passes one piece on. A slow or cut body is flushed piece by piece, or the
// server would keep it in its buffer.
func (w *faultyWriter) send(piece []byte) error {
	if w.fault.Corrupt {
		piece = append([]byte(nil), piece...)
		piece[0] ^= 0xff
	}
	n, err := w.ResponseWriter.Write(piece)
	w.sent += int64(n)
	if err != nil || w.fault.Rate == 0 && w.fault.CutAfter == 0 {
		return err
	}
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return err
	}
	return w.dawdle(n)
}

// dawdle waits as long as so many bytes take at the fault's rate.
func (w *faultyWriter) dawdle(n int) error {
	if w.fault.Rate == 0 {
		return nil
	}
	t := time.NewTimer(time.Duration(n) * time.Second / time.Duration(w.fault.Rate))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}
