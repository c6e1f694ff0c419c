package gateway

import (
	"net/http"
	"time"
)

// A body must come at a pace: who sends a byte a second holds a connection for
// ever. The rest of a request's life has no deadline, since answers take minutes.
const (
	bodyGrace = 30 * time.Second
	bodyPace  = 64 << 10 // bytes a second at least
)

// boundBody gives the body a deadline, and takes it away again: a deadline that is
// left would end the watch for the client's leaving.
func boundBody(w http.ResponseWriter, r *http.Request, limit int64) (unbind func()) {
	size := r.ContentLength
	if size < 0 {
		size = limit
	}
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(bodyGrace+time.Duration(size/bodyPace)*time.Second)) != nil {
		return func() {} // a recorder in a test
	}
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}
