package hub

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aim-engine/aim"
)

// answer is a refusal or a fault that the hub, or the host that it sends us to,
// has answered with.
type answer struct {
	status    int
	code      string // X-Error-Code: RepoNotFound, RevisionNotFound, GatedRepo, EntryNotFound
	message   string // X-Error-Message
	host      string
	elsewhere bool // the answer came from a host that the hub redirected to
	hadToken  bool
	told      time.Duration // how long the host asks to wait; 0 = it does not say
}

// newAnswer reads what the hub says about a refusal; its body is not needed.
func (a *api) newAnswer(resp *http.Response) *answer {
	return &answer{
		status: resp.StatusCode, code: resp.Header.Get("X-Error-Code"), message: clip(resp.Header.Get("X-Error-Message")),
		host: resp.Request.URL.Host, elsewhere: !sameOrigin(resp.Request.URL, a.endpoint),
		hadToken: a.token != "", told: toldWait(resp.StatusCode, resp.Header, time.Now()),
	}
}

// resetSeconds is the time to the next window in a RateLimit header
// (draft-ietf-httpapi-ratelimit-headers): "resolvers";r=0;t=240
var resetSeconds = aim.Pattern(`(?:^|;)\s*t=([0-9]{1,9})\b`)

// leftInWindow finds a limit that is not used up.
var leftInWindow = aim.Pattern(`;\s*r=0*[1-9]`)

// toldWait is how long an answer asks to wait before the next request: its
// Retry-After, in seconds or as a date, else the t= of a RateLimit that is used
// up, the longest where several are. 0 = it does not say. Other answers than 429
// and 503 carry these headers for information only.
func toldWait(status int, h http.Header, now time.Time) time.Duration {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	after := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(after, 10, 32); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(at.Sub(now), 0)
	}
	var longest time.Duration
	for _, line := range h.Values("RateLimit") {
		for item := range strings.SplitSeq(line, ",") {
			m := resetSeconds().FindStringSubmatch(item)
			if m == nil || leftInWindow().MatchString(item) {
				continue
			}
			seconds, _ := strconv.Atoi(m[1]) // nine digits, by the pattern
			longest = max(longest, time.Duration(seconds)*time.Second)
		}
	}
	return longest
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

// limited tells whether the host asks for less, rather than that it is unwell.
func (a *answer) limited() bool { return a.status == http.StatusTooManyRequests || a.told > 0 }

// Error names the host and the status, with the host's own words where it has any.
func (a *answer) Error() string {
	s := fmt.Sprintf("%s answered %d", a.host, a.status)
	if a.message != "" {
		s += ": " + a.message
	}
	if a.told > 0 {
		s += fmt.Sprintf(" (it asks to wait %v)", a.told)
	}
	return s
}

// unexplained puts an answer without the hub's code into words.
func (a *answer) unexplained() string {
	if a.message != "" {
		return a.Error()
	}
	return fmt.Sprintf("%s answered %d without saying why", a.host, a.status)
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
