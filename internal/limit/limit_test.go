package limit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func clockAt(t time.Time) (func() time.Time, *time.Time) {
	return func() time.Time { return t }, &t
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestFiftyCallersOverTwoGatewaysStayWithinTheLimitAndUseIt(t *testing.T) {
	now, _ := clockAt(noon)
	central := NewCentral(now)
	gateways := []*Limiter{New(central, "a", now), New(central, "b", now)}
	const limit, each = 60_000, 400 // 100 of the prompt, 300 of the answer
	var mu sync.Mutex
	var spent int64
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			for range 10 {
				h, err := gateways[i%2].Reserve(t.Context(), Ask{Key: "k", Limits: Limits{TPM: limit}, Prompt: 100, Answer: 300})
				var r *Refused
				if errors.As(err, &r) {
					continue
				}
				h.Settle(100, 300)
				mu.Lock()
				spent += each
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if spent > limit || spent < limit*9/10 {
		t.Errorf("%d of %d tokens were used", spent, limit)
	}
}

func TestADeadGatewaysPartCountsUntilItsWindowEnds(t *testing.T) {
	now, at := clockAt(noon)
	central := NewCentral(now)
	dead, other := New(central, "dead", now), New(central, "b", now)
	reserve := func(l *Limiter) error {
		_, err := l.Reserve(context.Background(), Ask{Key: "k", Limits: Limits{TPM: 1000, Concurrency: 1}, Prompt: 600, Answer: 100})
		return err
	}
	if err := reserve(dead); err != nil {
		t.Fatal(err)
	}
	var r *Refused
	if err := reserve(other); !errors.As(err, &r) {
		t.Fatalf("both had it: %v", err)
	}
	*at = noon.Add(HoldFor + time.Second)
	if err := reserve(other); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestWhatWasNotUsedComesBackAndWhatWasMoreIsMissing(t *testing.T) {
	now, _ := clockAt(noon)
	l := New(NewCentral(now), "a", now)
	ask := Ask{Key: "k", Limits: Limits{TPM: 1000, RPM: 10}, Prompt: 100, Answer: 800}
	h, err := l.Reserve(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(t.Context(), ask); err == nil {
		t.Fatal("two answers of 800 were let through at once")
	}
	h.Settle(100, 10)
	h.Settle(100, 10)
	_, left, _, _ := h.Remaining(Tokens)
	if left != 890 {
		t.Errorf("%d tokens are left, want 890", left)
	}
	ask.Answer = 700
	h, err = l.Reserve(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	h.Grow(2000) // never cut
	h.Settle(100, 2000)
	var r *Refused
	if _, err = l.Reserve(t.Context(), Ask{Key: "k", Limits: ask.Limits, Prompt: 1, Answer: 1}); !errors.As(err, &r) || r.Kind != Tokens || r.Retry != time.Minute {
		t.Errorf("after overrunning: %v", err)
	}
	if _, left, _, _ := h.Remaining(Requests); left != 8 {
		t.Errorf("%d requests are left, want 8", left)
	}
}

func TestARequestThatWasNotAnsweredCostsNothing(t *testing.T) {
	now, _ := clockAt(noon)
	l := New(NewCentral(now), "a", now)
	for range 100 {
		h, err := l.Reserve(t.Context(), Ask{Key: "k", Limits: Limits{RPM: 1, TPM: 1000, Concurrency: 1, DailyTokens: 5000}, Prompt: 100})
		if err != nil {
			t.Fatal(err)
		}
		h.Settle(0, 0)
	}
}

func TestARequestLargerThanTheLimitIsToldSo(t *testing.T) {
	now, _ := clockAt(noon)
	var r *Refused
	_, err := New(NewCentral(now), "a", now).Reserve(t.Context(), Ask{Key: "k", Limits: Limits{TPM: 1000}, Prompt: 2000, Answer: 1})
	if !errors.As(err, &r) || !r.TooLarge {
		t.Errorf("%v", err)
	}
}

type lost struct{}

func (lost) Draw(context.Context, Draw) (Grant, error) { return Grant{}, errors.New("nobody there") }

func TestWithoutTheSourceAGatewaySpendsWhatItHasDrawn(t *testing.T) {
	now, _ := clockAt(noon)
	l := New(NewCentral(now), "a", now)
	ask := Ask{Key: "k", Limits: Limits{TPM: 5000}, Prompt: 20, Answer: 20}
	if _, err := l.Reserve(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	l.source = lost{}
	if _, err := l.Reserve(t.Context(), ask); err != nil {
		t.Errorf("60 of the 100 that were drawn are left: %v", err)
	}
	var r *Refused
	if _, err := l.Reserve(t.Context(), ask); err == nil || errors.As(err, &r) {
		t.Errorf("want the source's error, got %v", err)
	}
}

// Whatever callers do in whatever order, what was spent in a window is never more
// than its limit and what answers had beyond what they had reserved.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, at := clockAt(noon)
		central := NewCentral(now)
		var gateways []*Limiter
		for i := range 3 {
			gateways = append(gateways, New(central, fmt.Sprint(i), now))
		}
		limits := Limits{
			RPM: rapid.Int64Range(0, 20).Draw(t, "rpm"), TPM: rapid.Int64Range(0, 3000).Draw(t, "tpm"),
			Concurrency: rapid.Int64Range(0, 4).Draw(t, "concurrency"),
		}
		var open []*Hold
		requests, tokens := map[time.Time]int64{}, map[time.Time]int64{}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				a := Ask{Key: "k", Limits: limits, Model: "m", Prompt: rapid.Int64Range(1, 200).Draw(t, "prompt"), Answer: rapid.Int64Range(1, 200).Draw(t, "answer")}
				h, err := gateways[rapid.IntRange(0, 2).Draw(t, "gateway")].Reserve(context.Background(), a)
				if err == nil && h != nil {
					open = append(open, h)
					requests[h.minute]++
				}
			case 2:
				if len(open) > 0 {
					i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
					answer := rapid.Int64Range(0, open[i].ask.Answer).Draw(t, "had")
					open[i].Settle(open[i].ask.Prompt, answer)
					tokens[open[i].minute] += open[i].ask.Prompt + answer
					open = append(open[:i], open[i+1:]...)
				}
			case 3:
				*at = at.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			}
			if limits.Concurrency > 0 && int64(len(open)) > limits.Concurrency && at.Sub(noon) < HoldFor {
				t.Fatalf("%d at once, limit %d", len(open), limits.Concurrency)
			}
			for m := range requests {
				if limits.RPM > 0 && requests[m] > limits.RPM || limits.TPM > 0 && tokens[m] > limits.TPM {
					t.Fatalf("%s: %d requests, %d tokens, limits %+v", m, requests[m], tokens[m], limits)
				}
			}
		}
	})
}
