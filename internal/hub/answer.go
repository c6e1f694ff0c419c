package hub

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is a refusal or a fault that the hub, or the host that it sends us to,
// has answered with.
type answer struct {
	status     int
	code       string // X-Error-Code: RepoNotFound, RevisionNotFound, GatedRepo, EntryNotFound
	message    string // X-Error-Message
	host       string
	elsewhere  bool // the answer came from a host that the hub redirected to
	hadToken   bool
	retryAfter time.Duration
}

// newAnswer reads what the hub says about a refusal; its body is not needed.
func (a *api) newAnswer(resp *http.Response) *answer {
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // dates are not used by hubs
	return &answer{
		status: resp.StatusCode, code: resp.Header.Get("X-Error-Code"), message: clip(resp.Header.Get("X-Error-Message")),
		host: resp.Request.URL.Host, elsewhere: !sameOrigin(resp.Request.URL, a.endpoint),
		hadToken: a.token != "", retryAfter: time.Duration(max(seconds, 0)) * time.Second,
	}
}

// passing: a download host refuses with 403 when its signed URL has run out,
// and the next attempt gets a new one.
func (a *answer) passing() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusRequestedRangeNotSatisfiable:
		return true
	}
	return a.status >= 500 || a.elsewhere
}

// Error names the host and the status, with the host's own words where it has any.
func (a *answer) Error() string {
	s := fmt.Sprintf("%s answered %d", a.host, a.status)
	if a.message != "" {
		s += ": " + a.message
	}
	return s
}

// clip makes a text from outside fit into one line.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}
