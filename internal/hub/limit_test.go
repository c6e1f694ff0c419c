package hub

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aim-engine/aim"
	standin "github.com/aim-engine/aim/internal/simulator/hub"
)

func TestTheHubsOwnWordSaysHowLongToWait(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		status int
		header http.Header
		want   time.Duration
	}{
		{"public hub", 429, http.Header{"Ratelimit": {`"resolvers";r=0;t=240`}, "Ratelimit-Policy": {`"fixed window";"resolvers";q=3000;w=300`}}, 240 * time.Second},
		{"blanks", 429, http.Header{"Ratelimit": {` "api" ; r=0 ; t=17 `}}, 17 * time.Second},
		{"order", 429, http.Header{"Ratelimit": {`"api";t=17;r=0`}}, 17 * time.Second},
		{"one of two used up", 429, http.Header{"Ratelimit": {`"api";r=12;t=900, "resolvers";r=0;t=30`}}, 30 * time.Second},
		{"two headers", 429, http.Header{"Ratelimit": {`"api";r=0;t=9`, `"resolvers";r=0;t=30`}}, 30 * time.Second},
		{"no count of what is left", 429, http.Header{"Ratelimit": {`t=30`}}, 30 * time.Second},
		{"seconds", 429, http.Header{"Retry-After": {"120"}}, 2 * time.Minute},
		{"a date", 503, http.Header{"Retry-After": {"Sat, 21 Nov 2026 10:05:00 GMT"}}, 5 * time.Minute},
		{"a date that has passed", 429, http.Header{"Retry-After": {"Sat, 21 Nov 2026 09:00:00 GMT"}}, 0},
		{"Retry-After first", 429, http.Header{"Retry-After": {"5"}, "Ratelimit": {`"x";r=0;t=240`}}, 5 * time.Second},
		{"rubbish", 429, http.Header{"Retry-After": {"soon"}, "Ratelimit": {`t=later;;;=,"`}}, 0},
		{"negative", 429, http.Header{"Retry-After": {"-5"}}, 0},
		{"too large a number", 429, http.Header{"Retry-After": {"99999999999999999999"}, "Ratelimit": {`r=0;t=99999999999999`}}, 0},
		{"not this header's t", 429, http.Header{"Ratelimit": {`r=0;reset=30`}}, 0},
		{"for information", 200, http.Header{"Ratelimit": {`"resolvers";r=0;t=240`}}, 0},
		{"forbidden", 403, http.Header{"Retry-After": {"120"}}, 0},
	} {
		if got := toldWait(c.status, c.header, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// limitedHub answers 429 to every file for a while after the first question.
func limitedHub(t *testing.T, times int, header map[string]string) (string, *recorder) {
	server := standin.New(standin.Config{})
	server.Inject(standin.Fault{Path: ".json", Status: http.StatusTooManyRequests, Header: header, Times: times})
	return serve(t, server)
}

func TestALimitIsWaitedForAndShown(t *testing.T) {
	for name, header := range map[string]map[string]string{
		"RateLimit":   {"RateLimit": `"resolvers";r=0;t=1`},
		"Retry-After": {"Retry-After": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := limitedHub(t, 5, header) // more often than a hub may fail in a row
			h := newHub(t, url)
			shown := ""
			start := time.Now()
			_, err := h.Fetch(t.Context(), model, "", func(p aim.Progress) {
				if strings.Contains(p.Note, "limit") {
					shown = p.Note
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took < time.Second {
				t.Errorf("took %v: it did not wait", took)
			}
			if !strings.Contains(shown, "429") {
				t.Errorf("shown: %q", shown)
			}
		})
	}
}

// While one file waits, nothing else is asked: every request counts.
func TestOneWaitHoldsBackAllRequests(t *testing.T) {
	url, rec := limitedHub(t, 1, map[string]string{"Retry-After": "2"})
	h := newHub(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if _, err := h.Fetch(ctx, model, "", nil); err == nil {
		t.Fatal("no wait")
	}
	first := rec.count()
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := h.Fetch(ctx, "org/other", "", nil); err == nil {
		t.Fatal("no wait")
	}
	if n := rec.count(); n != first || first > 3 {
		t.Errorf("%d requests, then %d", first, n)
	}
}

// Who stands before a screen is told how long it will take, not kept waiting.
func TestAShortQuestionTellsTheLimit(t *testing.T) {
	url, _ := limitedHub(t, 0, map[string]string{"RateLimit": `"resolvers";r=0;t=240`})
	h := newHub(t, url)
	start := time.Now()
	_, _, err := h.Describe(t.Context(), model, "")
	f := failure(t, err, aim.ClassWeights)
	if f.RetryAfterSeconds < 200 || !strings.Contains(f.Why, "429") || !strings.Contains(f.Hint, "address") {
		t.Errorf("%d s, %s", f.RetryAfterSeconds, f.Text())
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	failure(t, h.CheckAccess(t.Context(), "org/other", ""), aim.ClassWeights)
}

func TestAHubThatAsksForTooMuchPatienceIsToldSo(t *testing.T) {
	url, _ := limitedHub(t, 0, map[string]string{"Retry-After": "31536000"})
	_, err := newHub(t, url).Fetch(t.Context(), model, "", nil)
	if f := failure(t, err, aim.ClassWeights); f.RetryAfterSeconds == 0 || !strings.Contains(f.Why, "asks to wait") {
		t.Errorf("%s", f.Text())
	}
}

// Whatever goes on for ever is given up within seconds, and said so.
func TestAnAnswerThatNeverEndsIsGivenUp(t *testing.T) {
	for name, drip := range map[string]time.Duration{"fast": 0, "slow": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				piece := []byte(strings.Repeat(" ", 64<<10))
				if drip > 0 {
					piece = piece[:1]
				}
				for r.Context().Err() == nil {
					if _, err := w.Write(piece); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
					select {
					case <-r.Context().Done():
					case <-time.After(drip):
					}
				}
			}))
			h := newHub(t, url)
			h.pace.answer = 500 * time.Millisecond
			start := time.Now()
			_, err := h.Fetch(t.Context(), model, "", nil)
			f := failure(t, err, aim.ClassWeights)
			if !strings.Contains(f.Why, "does not end") && !strings.Contains(f.Why, "more than") {
				t.Errorf("%s", f.Text())
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
