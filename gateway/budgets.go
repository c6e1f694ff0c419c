package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aim-engine/aim/internal/access"
	"github.com/aim-engine/aim/internal/limit"
)

// budgets holds keys to their limits, and words what is refused.
type budgets struct{ limiter *limit.Limiter }

func newBudgets(source limit.Source, now func() time.Time) *budgets {
	if source == nil { // the only gateway gives out its own
		source = limit.NewCentral(now)
	}
	var holder [8]byte
	_, _ = rand.Read(holder[:]) // never fails
	return &budgets{limit.New(source, hex.EncodeToString(holder[:]), now)}
}

// reserve counts a request against its key's limits. How many tokens an answer
// may have is what the request says, bounded by the model's context.
func (b *budgets) reserve(ctx context.Context, key *access.Key, q question) (*limit.Hold, *apiError) {
	h, err := b.limiter.Reserve(ctx, limit.Ask{
		Key: key.ID, Limits: key.Limits, Model: q.read.Model,
		Prompt: q.promptTokens(), Answer: q.read.MaxTokens, Answers: q.read.N,
	})
	var r *limit.Refused
	switch {
	case err == nil:
		return h, nil
	case errors.As(err, &r):
		return nil, limited(key, r)
	}
	return nil, unavailable(time.Second, "the limits of this API key cannot be read now: %v", err)
}

var budgetWords = map[limit.Kind]string{
	limit.Requests: "requests a minute", limit.Tokens: "tokens a minute",
	limit.DailyTokens: "tokens a day", limit.Concurrency: "requests at once",
}

func limited(key *access.Key, r *limit.Refused) *apiError {
	e := &apiError{status: http.StatusTooManyRequests, kind: string(r.Kind), code: "rate_limit_exceeded", retry: r.Retry}
	e.message = fmt.Sprintf("the key %q has reached its limit of %d %s", key.Name, r.Limit, budgetWords[r.Kind])
	if r.TooLarge {
		e.message = fmt.Sprintf("the request may take %d tokens, more than the limit of %d %s of the key %q; ask for fewer with max_tokens",
			r.Asked, r.Limit, budgetWords[r.Kind], key.Name)
	}
	return e
}

// rateHeaders tells a key with limits what is left of them.
func rateHeaders(h http.Header, hold *limit.Hold) {
	for kind, name := range map[limit.Kind]string{limit.Requests: "Requests", limit.Tokens: "Tokens"} {
		if all, left, reset, ok := hold.Remaining(kind); ok {
			h.Set("X-Ratelimit-Limit-"+name, strconv.FormatInt(all, 10))
			h.Set("X-Ratelimit-Remaining-"+name, strconv.FormatInt(left, 10))
			h.Set("X-Ratelimit-Reset-"+name, reset.Round(time.Millisecond).String())
		}
	}
}
